#pragma once

namespace bench {

// The verbs of the load generator. Each drives one load against one server, prints one line of
// figures and answers an exit code.

int RunHttp();   // webhooks over HTTP: us and every peer that speaks HTTP
int RunGet();    // GetOpportunity, or the bare echo
int RunList();   // pages of ListOpportunities, or bare answers of their size
int RunWatch();  // WatchOpportunities, etcd's Watch or bare streams
int RunEtcdPut();
int RunBody();  // prints the body of a webhook and drives nothing

}  // namespace bench
