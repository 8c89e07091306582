// Command board prints what every agent does, as it changes.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats.go"
)

func main() {
	nc, err := nats.Connect(os.Args[1], nats.UserInfo("board", os.Getenv("TALLY_TOKEN")), nats.CustomInboxPrefix("_INBOX_board"))
	if err != nil {
		log.Fatal(err)
	}
	show := func(m *nats.Msg) {
		var s struct{ Agent, State, Reason, Queue string }
		if err := json.Unmarshal(m.Data, &s); err == nil {
			fmt.Println(s.Agent, s.State, s.Reason, s.Queue)
		}
	}
	if _, err := nc.Subscribe("tally.v1.main.agent.*.state", show); err != nil {
		log.Fatal(err)
	}
	select {}
}
