// The scenario of ../run.py, in Go.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	crmv1 "tributary.dev/go/tributary/crm/v1"
	genericv1 "tributary.dev/go/tributary/generic/v1"
	tributaryv1 "tributary.dev/go/tributary/v1"
)

const connector, owner = "hubspot", "acme"

func check(ok bool, format string, args ...interface{}) {
	if !ok {
		log.Panicf(format, args...)
	}
}

func must(err error) { check(err == nil, "%v", err) }

func post(model, id string, fields map[string]interface{}, trigger, updatedAt string) int64 {
	body, err := json.Marshal(map[string]interface{}{
		"event": model + "::" + trigger,
		"data": map[string]interface{}{
			"object": "resource", "model": model, "id": id, "fields": fields,
			"createdAt": "2025-06-01T09:00:00.000Z", "updatedAt": updatedAt,
		},
	})
	must(err)
	request, err := http.NewRequest("POST", "http://"+os.Getenv("TRIBUTARY_HTTP")+"/webhooks", bytes.NewReader(body))
	must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Connector-Id", connector)
	request.Header.Set("X-Owner-Id", owner)
	request.Header.Set("X-Idempotency-Key", id+trigger+updatedAt)
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer response.Body.Close()
	var answer struct {
		Verdict  string
		Revision int64
	}
	must(json.NewDecoder(response.Body).Decode(&answer))
	check(answer.Verdict == "APPLIED", "%v", answer)
	return answer.Revision
}

func create(model, id string, fields map[string]interface{}) int64 {
	return post(model, id, fields, "created", "2025-06-01T09:00:00.000Z")
}

func ids(deals []*crmv1.Opportunity) string {
	var names []string
	for _, deal := range deals {
		names = append(names, deal.Id)
	}
	return strings.Join(names, " ")
}

func checkGet(ctx context.Context, contacts genericv1.ContactServiceClient) {
	contact, err := contacts.GetContact(ctx, &genericv1.GetContactRequest{ConnectorId: connector, OwnerId: owner, Id: "c1"})
	must(err)
	check(contact.Fields.GetFirstName() == "Inès", "%v", contact)
	check(contact.Fields.LastName != nil && *contact.Fields.LastName == "", "%v", contact)
	check(contact.Fields.Email == nil, "%v", contact)
	values := map[string]interface{}{}
	for key, value := range contact.CustomFields {
		values[key] = value.AsInterface()
	}
	check(reflect.DeepEqual(values, map[string]interface{}{
		"region": "EMEA", "score": 0.0, "vip": false, "tags": []interface{}{"a", "b"},
		"nested": map[string]interface{}{"x": map[string]interface{}{"y": 1.5}},
	}), "%v", values)

	var trailer metadata.MD
	_, err = contacts.GetContact(ctx, &genericv1.GetContactRequest{ConnectorId: connector, OwnerId: owner, Id: "nobody"},
		grpc.Trailer(&trailer))
	check(status.Code(err) == codes.NotFound, "%v", err)
	check(strings.HasSuffix(status.Convert(err).Message(), "(RESOURCE_NOT_FOUND)"), "%v", err)
	check(reflect.DeepEqual(trailer.Get("tributary-reason"), []string{"RESOURCE_NOT_FOUND"}), "%v", trailer)
}

func checkBatchAndList(ctx context.Context, deals crmv1.OpportunityServiceClient) {
	batch, err := deals.BatchGetOpportunities(ctx, &crmv1.BatchGetOpportunitiesRequest{
		ConnectorId: connector, OwnerId: owner, Ids: []string{"o2", "missing", "o1", "o1"}})
	must(err)
	check(ids(batch.Opportunities) == "o2 o1" && reflect.DeepEqual(batch.MissingIds, []string{"missing"}), "%v", batch)
	check(batch.Opportunities[0].Fields.Amount == nil, "%v", batch)
	check(batch.Opportunities[1].Fields.Amount != nil && *batch.Opportunities[1].Fields.Amount == 0, "%v", batch)

	request := &crmv1.ListOpportunitiesRequest{ConnectorId: connector, OwnerId: owner, PageSize: 2}
	first, err := deals.ListOpportunities(ctx, request)
	must(err)
	check(ids(first.Opportunities) == "o1 o2" && first.NextPageToken != "", "%v", first)
	request.PageToken = first.NextPageToken
	second, err := deals.ListOpportunities(ctx, request)
	must(err)
	check(ids(second.Opportunities) == "o3" && second.NextPageToken == "", "%v", second)
	check(second.Opportunities[0].Fields.GetAmount() == 18499.9, "%v", second)
	check(first.Revision == second.Revision && first.Revision > 0, "%d %d", first.Revision, second.Revision)
}

func watch(ctx context.Context, deals crmv1.OpportunityServiceClient, token string) crmv1.OpportunityService_WatchOpportunitiesClient {
	stream, err := deals.WatchOpportunities(ctx, &crmv1.WatchOpportunitiesRequest{ConnectorId: connector, OwnerId: owner,
		ResumeToken: token, HeartbeatInterval: durationpb.New(time.Second)})
	must(err)
	return stream
}

// next reads on until a response that `wanted` takes, and adds all changes on the way to `changes`.
func next(stream crmv1.OpportunityService_WatchOpportunitiesClient, changes *[]*crmv1.OpportunityChange,
	wanted func(*crmv1.WatchOpportunitiesResponse) bool) *crmv1.WatchOpportunitiesResponse {
	for {
		response, err := stream.Recv()
		must(err)
		*changes = append(*changes, response.Changes...)
		if wanted(response) {
			return response
		}
	}
}

func checkWatch(ctx context.Context, deals crmv1.OpportunityServiceClient) {
	watching, stop := context.WithCancel(ctx)
	stream := watch(watching, deals, "")
	var changes []*crmv1.OpportunityChange
	next(stream, &changes, func(r *crmv1.WatchOpportunitiesResponse) bool { return r.SnapshotComplete })
	check(len(changes) == 3, "%v", changes)
	for i, id := range []string{"o1", "o2", "o3"} {
		check(changes[i].Type == tributaryv1.ChangeType_CHANGE_TYPE_EXISTING && changes[i].Resource.Id == id, "%v", changes[i])
	}
	next(stream, &changes, func(r *crmv1.WatchOpportunitiesResponse) bool { return len(r.Changes) == 0 })

	updated := post("crmOpportunity", "o1", map[string]interface{}{"name": "zero", "amount": 5}, "updated", "2025-06-02T09:00:00.000Z")
	response := next(stream, &changes, func(r *crmv1.WatchOpportunitiesResponse) bool { return len(r.Changes) > 0 })
	change := response.Changes[0]
	check(change.Type == tributaryv1.ChangeType_CHANGE_TYPE_UPDATED && change.Revision == updated, "%v", change)
	check(strings.Contains(strings.Join(change.ChangedFields, " "), "fields.amount"), "%v", change)
	stop()

	post("crmOpportunity", "o2", map[string]interface{}{}, "deleted", "2025-06-03T09:00:00.000Z")
	created := create("crmOpportunity", "o4", map[string]interface{}{"name": "new"})
	watching, stop = context.WithCancel(ctx)
	defer stop()
	stream = watch(watching, deals, response.ResumeToken)
	changes = nil
	last := next(stream, &changes, func(r *crmv1.WatchOpportunitiesResponse) bool {
		return len(r.Changes) == 0 && r.Revision >= created
	})
	check(last.Revision == last.HeadRevision, "%v", last)
	check(len(changes) == 2, "%v", changes)
	check(changes[0].Type == tributaryv1.ChangeType_CHANGE_TYPE_DELETED && changes[0].Resource.Id == "o2", "%v", changes[0])
	check(changes[1].Type == tributaryv1.ChangeType_CHANGE_TYPE_CREATED && changes[1].Resource.Id == "o4", "%v", changes[1])
	check(changes[0].Revision < changes[1].Revision && changes[1].Revision == created, "%v", changes)
}

func main() {
	connection, err := grpc.Dial(os.Getenv("TRIBUTARY_GRPC"), grpc.WithInsecure())
	must(err)
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	create("genericContact", "c1", map[string]interface{}{"firstName": "Inès", "lastName": "", "region": "EMEA", "score": 0,
		"vip": false, "tags": []string{"a", "b"}, "nested": map[string]interface{}{"x": map[string]interface{}{"y": 1.5}}})
	create("crmOpportunity", "o1", map[string]interface{}{"name": "zero", "amount": 0})
	create("crmOpportunity", "o2", map[string]interface{}{"name": "none"})
	create("crmOpportunity", "o3", map[string]interface{}{"name": "some", "amount": 18499.9})
	deals := crmv1.NewOpportunityServiceClient(connection)
	checkGet(ctx, genericv1.NewContactServiceClient(connection))
	checkBatchAndList(ctx, deals)
	checkWatch(ctx, deals)
	fmt.Println("go: ok")
}
