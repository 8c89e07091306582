package asterisk
import ("testing";"os";"fmt";"tallyd/metrics")
func TestZZ(t *testing.T){
 for _, ami := range []bool{false,true} {
 r := newReplayed()
 var m *Manager
 d := os.Getenv("D")
 if ami { m = NewManager(openEither(t, d+"/ami-events.txt")) }
 r.play(t, openEither(t, d+"/ari-events.jsonl"), m)
 fmt.Println("ami",ami)
 legs := map[metrics.ID]bool{}
 for _, e := range r.facts {
   if r.names.Name(metrics.AgentName, uint32(e.Agent)) == os.Getenv("A") { legs[e.Leg]=true } else if e.Leg==(metrics.ID{}) || !legs[e.Leg] {continue}
   fmt.Println(e.At.Time().Format("15:04:05.000"), e.Kind, e.Leg, e.Visit, e.Peer, e.Status, e.Cause, e.Moved, e.GoesOn, e.Direction, r.names.Name(metrics.QueueName,uint32(e.Queue)))
 }
 }
}
