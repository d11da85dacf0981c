import dev.tributary.crm.v1.*;
import dev.tributary.generic.v1.*;
import dev.tributary.v1.ChangeType;
import com.google.protobuf.Duration;
import io.grpc.*;
import io.grpc.netty.NettyChannelBuilder;
import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.*;
import java.util.stream.Collectors;

/** The scenario of ../run.py, in Java. */
public class Scenario {
  static final String CONNECTOR = "hubspot";
  static final String OWNER = "acme";
  static final HttpClient HTTP = HttpClient.newHttpClient();

  static void check(boolean ok, Object what) {
    if (!ok) throw new AssertionError(String.valueOf(what));
  }

  static long post(String model, String id, String fields, String trigger, String updatedAt) throws Exception {
    String body = String.format(
        "{\"event\":\"%s::%s\",\"data\":{\"object\":\"resource\",\"model\":\"%s\",\"id\":\"%s\",\"fields\":%s,"
            + "\"createdAt\":\"2025-06-01T09:00:00.000Z\",\"updatedAt\":\"%s\"}}",
        model, trigger, model, id, fields, updatedAt);
    HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + System.getenv("TRIBUTARY_HTTP") + "/webhooks"))
        .version(HttpClient.Version.HTTP_1_1)
        .header("Content-Type", "application/json").header("x-connector-id", CONNECTOR)
        .header("x-owner-id", OWNER).header("x-idempotency-key", id + trigger + updatedAt)
        .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    String answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
    check(answer.contains("\"APPLIED\""), answer);
    Matcher revision = Pattern.compile("\"revision\":\\s*(\\d+)").matcher(answer);
    check(revision.find(), answer);
    return Long.parseLong(revision.group(1));
  }

  static long create(String model, String id, String fields) throws Exception {
    return post(model, id, fields, "created", "2025-06-01T09:00:00.000Z");
  }

  static void checkGet(ContactServiceGrpc.ContactServiceBlockingStub contacts) {
    GetContactRequest.Builder request = GetContactRequest.newBuilder().setConnectorId(CONNECTOR).setOwnerId(OWNER);
    Contact contact = contacts.withDeadlineAfter(5, TimeUnit.SECONDS).getContact(request.setId("c1").build());
    check(contact.getFields().getFirstName().equals("Inès"), contact);
    check(contact.getFields().hasLastName() && contact.getFields().getLastName().isEmpty(), contact);
    check(!contact.getFields().hasEmail(), contact);
    check(contact.getCustomFieldsOrThrow("region").getStringValue().equals("EMEA"), contact);
    check(contact.getCustomFieldsOrThrow("score").hasNumberValue(), contact);
    check(contact.getCustomFieldsOrThrow("vip").hasBoolValue(), contact);
    check(contact.getCustomFieldsOrThrow("tags").getListValue().getValuesCount() == 2, contact);
    check(contact.getCustomFieldsOrThrow("nested").getStructValue().getFieldsOrThrow("x").getStructValue()
        .getFieldsOrThrow("y").getNumberValue() == 1.5, contact);
    try {
      contacts.getContact(request.setId("nobody").build());
      check(false, "a missing contact was found");
    } catch (StatusRuntimeException error) {
      check(error.getStatus().getCode() == Status.Code.NOT_FOUND, error);
      check(error.getStatus().getDescription().endsWith("(RESOURCE_NOT_FOUND)"), error);
      check("RESOURCE_NOT_FOUND".equals(Status.trailersFromThrowable(error)
          .get(Metadata.Key.of("tributary-reason", Metadata.ASCII_STRING_MARSHALLER))), error);
    }
  }

  static String ids(List<Opportunity> deals) {
    return deals.stream().map(Opportunity::getId).collect(Collectors.joining(" "));
  }

  static void checkBatchAndList(OpportunityServiceGrpc.OpportunityServiceBlockingStub deals) {
    BatchGetOpportunitiesResponse batch = deals.batchGetOpportunities(BatchGetOpportunitiesRequest.newBuilder()
        .setConnectorId(CONNECTOR).setOwnerId(OWNER).addAllIds(List.of("o2", "missing", "o1", "o1")).build());
    check(ids(batch.getOpportunitiesList()).equals("o2 o1"), batch);
    check(List.copyOf(batch.getMissingIdsList()).equals(List.of("missing")), batch);
    check(!batch.getOpportunities(0).getFields().hasAmount(), batch);
    check(batch.getOpportunities(1).getFields().hasAmount() && batch.getOpportunities(1).getFields().getAmount() == 0, batch);

    ListOpportunitiesRequest.Builder request =
        ListOpportunitiesRequest.newBuilder().setConnectorId(CONNECTOR).setOwnerId(OWNER).setPageSize(2);
    ListOpportunitiesResponse first = deals.listOpportunities(request.build());
    check(ids(first.getOpportunitiesList()).equals("o1 o2"), first);
    ListOpportunitiesResponse second = deals.listOpportunities(request.setPageToken(first.getNextPageToken()).build());
    check(ids(second.getOpportunitiesList()).equals("o3") && second.getNextPageToken().isEmpty(), second);
    check(second.getOpportunities(0).getFields().getAmount() == 18499.9, second);
    check(first.getRevision() == second.getRevision() && first.getRevision() > 0, second);
  }

  static Iterator<WatchOpportunitiesResponse> watch(OpportunityServiceGrpc.OpportunityServiceBlockingStub deals, String token) {
    return deals.watchOpportunities(WatchOpportunitiesRequest.newBuilder().setConnectorId(CONNECTOR).setOwnerId(OWNER)
        .setResumeToken(token).setHeartbeatInterval(Duration.newBuilder().setSeconds(1)).build());
  }

  /** Reads on until a response that `wanted` takes, and adds all changes on the way to `changes`. */
  static WatchOpportunitiesResponse next(Iterator<WatchOpportunitiesResponse> stream, List<OpportunityChange> changes,
      Predicate<WatchOpportunitiesResponse> wanted) {
    while (true) {
      WatchOpportunitiesResponse response = stream.next();
      changes.addAll(response.getChangesList());
      if (wanted.test(response)) return response;
    }
  }

  static String words(List<OpportunityChange> changes) {
    return changes.stream().map(change -> change.getType() + " " + change.getResource().getId()).collect(Collectors.joining(", "));
  }

  static void checkWatch(OpportunityServiceGrpc.OpportunityServiceBlockingStub deals) throws Exception {
    String[] token = {""};
    Context.CancellableContext call = Context.current().withCancellation();
    call.call(() -> {
      Iterator<WatchOpportunitiesResponse> stream = watch(deals, "");
      List<OpportunityChange> changes = new ArrayList<>();
      next(stream, changes, WatchOpportunitiesResponse::getSnapshotComplete);
      check(words(changes).equals("CHANGE_TYPE_EXISTING o1, CHANGE_TYPE_EXISTING o2, CHANGE_TYPE_EXISTING o3"), words(changes));
      next(stream, changes, response -> response.getChangesCount() == 0);
      long updated = post("crmOpportunity", "o1", "{\"name\":\"zero\",\"amount\":5}", "updated", "2025-06-02T09:00:00.000Z");
      WatchOpportunitiesResponse response = next(stream, changes, r -> r.getChangesCount() > 0);
      OpportunityChange change = response.getChanges(0);
      check(change.getType() == ChangeType.CHANGE_TYPE_UPDATED && change.getRevision() == updated, change);
      check(change.getChangedFieldsList().contains("fields.amount"), change);
      token[0] = response.getResumeToken();
      return null;
    });
    call.cancel(null);

    post("crmOpportunity", "o2", "{}", "deleted", "2025-06-03T09:00:00.000Z");
    long created = create("crmOpportunity", "o4", "{\"name\":\"new\"}");
    Context.CancellableContext second = Context.current().withCancellation();
    second.call(() -> {
      List<OpportunityChange> changes = new ArrayList<>();
      WatchOpportunitiesResponse last = next(watch(deals, token[0]), changes,
          response -> response.getChangesCount() == 0 && response.getRevision() >= created);
      check(last.getRevision() == last.getHeadRevision(), last);
      check(words(changes).equals("CHANGE_TYPE_DELETED o2, CHANGE_TYPE_CREATED o4"), words(changes));
      check(changes.get(1).getRevision() == created, changes);
      return null;
    });
    second.cancel(null);
  }

  public static void main(String[] args) throws Exception {
    String[] address = System.getenv("TRIBUTARY_GRPC").split(":");
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(address[0], Integer.parseInt(address[1])).usePlaintext().build();
    create("genericContact", "c1", "{\"firstName\":\"Inès\",\"lastName\":\"\",\"region\":\"EMEA\",\"score\":0,\"vip\":false,"
        + "\"tags\":[\"a\",\"b\"],\"nested\":{\"x\":{\"y\":1.5}}}");
    create("crmOpportunity", "o1", "{\"name\":\"zero\",\"amount\":0}");
    create("crmOpportunity", "o2", "{\"name\":\"none\"}");
    create("crmOpportunity", "o3", "{\"name\":\"some\",\"amount\":18499.9}");
    OpportunityServiceGrpc.OpportunityServiceBlockingStub deals = OpportunityServiceGrpc.newBlockingStub(channel);
    checkGet(ContactServiceGrpc.newBlockingStub(channel));
    checkBatchAndList(deals);
    checkWatch(deals);
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    System.out.println("java: ok");
  }
}
