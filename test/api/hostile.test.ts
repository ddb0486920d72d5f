// What nobody should send: the answer is a documented error or an ended connection, the process lives on, and neither the
// metadata nor the Raft log has changed. A file for each way in, all on one cluster (`hostile/shared-cluster.ts`).
import './hostile/bodies.ts'
import './hostile/paths.ts'
import './hostile/http.ts'
import './hostile/streams.ts'
import './hostile/pushes.ts'
