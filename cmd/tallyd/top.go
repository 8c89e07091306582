package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

type topOptions struct {
	reach
	once, json bool
}

func topCommand(environ []string) *cobra.Command {
	var o topOptions
	c := &cobra.Command{
		Use: "top", Short: "show the call centre live on the terminal",
		Long: "Shows who waits, who talks and what every agent is doing, as it changes, with the day's figures.\n" +
			"Keys: ↑ ↓ PgUp PgDn move through the agents, n sorts them by name or by state, q ends it.\n" +
			"Where the output is no terminal, or with --once, it shows the present once; --json gives it as one document.",
		Example: "  tallyd top\n  tallyd top --once\n  tallyd top --url https://pbx.example.org:8470 --token-file token",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return top(c.Context(), o, environ, c.InOrStdin(), c.OutOrStdout())
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&o.once, "once", false, "show the present once")
	c.Flags().BoolVar(&o.json, "json", false, "print the present as one JSON document")
	return c
}

func top(ctx context.Context, o topOptions, environ []string, in io.Reader, out io.Writer) error {
	daemon, done, err := o.open(ctx, environ)
	if err != nil {
		return err
	}
	defer done()
	if o.json || o.once || !isTerminal(out) {
		b, err := present(ctx, daemon)
		if err != nil {
			return err
		}
		if o.json {
			return json.NewEncoder(out).Encode(b.document())
		}
		text := b.render(boardWidth, 0, time.Now())
		if !isTerminal(out) {
			text = ansi.Strip(text)
		}
		_, err = io.WriteString(out, text)
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := tea.NewProgram(&screen{board: newBoard()}, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(os.Environ()))
	go follow(ctx, daemon, p.Send)
	_, err = p.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// presentWithin bounds how long the present may take to arrive.
const presentWithin = 10 * time.Second

// present reads what is so, and its figures: what comes before a while has passed in
// which nothing came.
func present(ctx context.Context, daemon *client.Client) (*board, error) {
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	b := newBoard()
	quiet := time.AfterFunc(presentWithin, cancel)
	defer quiet.Stop()
	err := daemon.Events(ctx, true, func(m any) error {
		quiet.Reset(1500 * time.Millisecond) // figures come within a second
		b.take(m, time.Now())
		return nil
	})
	if b.site == nil && len(b.agents) == 0 && err != nil {
		return nil, asked(err)
	}
	return b, nil
}

// lost says that the daemon cannot be reached.
type lost struct{ err error }

// follow sends every event, and comes back when the daemon does.
func follow(ctx context.Context, daemon *client.Client, send func(tea.Msg)) {
	for ctx.Err() == nil {
		err := daemon.Events(ctx, true, func(m any) error {
			send(m)
			return nil
		})
		send(lost{err})
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// screen shows a board on a terminal.
type screen struct {
	board         *board
	width, height int
}

type tick struct{}

// everySecond has the clocks run on.
func everySecond() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{} }) }

// Init implements tea.Model.
func (s *screen) Init() tea.Cmd { return everySecond() }

// Update implements tea.Model.
func (s *screen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case tea.KeyPressMsg:
		switch m.String() {
		case "q", "esc", "ctrl+c":
			return s, tea.Quit
		case "n":
			s.board.byName = !s.board.byName
		case "up", "k":
			s.board.scroll(-1)
		case "down", "j":
			s.board.scroll(1)
		case "pgup":
			s.board.scroll(-10)
		case "pgdown", "space":
			s.board.scroll(10)
		}
	case tick:
		return s, everySecond()
	default:
		s.board.take(m, time.Now())
	}
	return s, nil
}

// View implements tea.Model.
func (s *screen) View() tea.View {
	v := tea.NewView(s.board.render(s.width, s.height, time.Now()))
	v.AltScreen = true
	v.WindowTitle = "tallyd " + s.board.siteName()
	return v
}

// topDocument is the present as one document.
type topDocument struct {
	V      int              `json:"v"`
	Site   *api.SiteState   `json:"site"`
	Queues []api.QueueState `json:"queues"`
	Agents []api.AgentState `json:"agents"`
}

func (b *board) document() topDocument {
	d := topDocument{V: api.Schema, Site: b.site, Queues: []api.QueueState{}, Agents: []api.AgentState{}}
	for _, n := range sortedNames(b.queues) {
		d.Queues = append(d.Queues, b.queues[n])
	}
	for _, n := range sortedNames(b.agents) {
		d.Agents = append(d.Agents, b.agents[n])
	}
	return d
}

func (b *board) siteName() string {
	if b.site == nil {
		return ""
	}
	return printable(b.site.Site)
}
