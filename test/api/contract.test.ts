// The REST contract, row by row: a file for each subject, all on one cluster (`contract/shared-cluster.ts`), since a cluster takes
// longer to start than most of them take. In this order: the last of them takes the cluster apart.
import './contract/every-answer.ts'
import './contract/topics.ts'
import './contract/partitions.ts'
import './contract/brokers.ts'
import './contract/following.ts'
import './contract/history-and-plans.ts'
import './contract/moves.ts'
import './contract/features.ts'
import './contract/operations.ts'
import './contract/storage-nodes.ts'
import './contract/without-majority.ts'
