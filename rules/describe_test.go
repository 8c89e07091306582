package rules

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// described is a scheme as data in a line for each thing that it says.
func described(d *Description) string {
	var b strings.Builder
	for _, g := range d.Grades {
		fmt.Fprintf(&b, "%s from %v\n", g.Name, g.From)
	}
	for _, r := range d.Roles {
		fmt.Fprintf(&b, "%s, of teams %v\n", r.Role, r.Team)
		for _, x := range r.Indicators {
			fmt.Fprintf(&b, "%s is %s%s (%s) in %s, %s, better %s, weight %v, adjusted %v, drawn %v, minimum %v:", x.ID, x.KPI, x.Expr, x.FormulaID, x.Unit, x.Kind, x.Better, x.Weight, x.Adjusted, x.Drawn, x.Minimum)
			for _, m := range x.Marks {
				fmt.Fprintf(&b, " %s %v=%v", m.Name, m.Value, m.Points)
			}
			b.WriteString("\n")
		}
		for _, g := range r.Gates {
			fmt.Fprintf(&b, "at most %v if %s: %s\n", g.Cap, g.When, g.Because)
		}
		for _, s := range r.Seasons {
			fmt.Fprintf(&b, "from %s to %s, %s: %v\n", s.From, s.Last, s.Because, s.Weights)
		}
	}
	return b.String()
}

// TestDescribe: every kind of curve, either way round, with and without a stretch, a
// season, a gate and a role that is like another, each as the file says it.
func TestDescribe(t *testing.T) {
	text := soundScheme + `  lead:
    of: team
    indicators:
      - {id: level, kpi: service_level, dimension: team, floor: 60%, target: 80%, weight: 50%, minimum: {offered: 10}}
      - {id: trained, expr: "team.training.passed / team.training.due", dimension: development, floor: 50%, target: 100%, weight: 20%}
      - {id: hold, kpi: avg_hold, dimension: service, floor: 60s, target: 20s, stretch: 10s, weight: 20%}
      - {id: repeats, kpi: repeat_rate, dimension: service, floor: 30%, target: 10%, weight: 9.5%}
      - {id: peer, kpi: form.peer, dimension: soft, floor: 50, target: 85, weight: 0.5%}
  senior:
    like: agent
    without: [csat, hold]
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, weight: 80%, minimum: {answered: 40}}
    weights:
      - {from: 2026-11-01, to: 2026-11-15, because: "Double Eleven, for seniors", set: {volume: 70%, aht: 30%}}
`
	s, faults, _ := Read("s.yaml", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := `A from 90
B from 0
agent, of teams false
volume is answered_per_hour (answered_per_hour) in number, linear, better higher, weight 0.4, adjusted false, drawn false, minimum map[answered:40]: floor 3=0 target 8=100 stretch 11=120
aht is aht (aht) in ms, band, better band, weight 0.2, adjusted true, drawn true, minimum map[answered:40]: floor 60000=0 target 180000=100 target 300000=100 floor 420000=0
csat is csat (csat) in ratio, steps, better higher, weight 0.3, adjusted false, drawn true, minimum map[surveys:15]:  0=0  0.55=60  0.8=100
hold is avg_hold (avg_hold) in ms, zones, better lower, weight 0.1, adjusted false, drawn false, minimum map[answered:40]:  10000=100  60000=0
at most 60 if form.qa.critical_failed > 0: a critical item failed
from 2026-11-01 to 2026-11-15, Double Eleven: map[aht:0 csat:0.3 hold:0.1 volume:0.6]
lead, of teams true
level is service_level (sl.offered) in ratio, linear, better higher, weight 0.5, adjusted false, drawn false, minimum map[offered:10]: floor 0.6=0 target 0.8=100
trained is team.training.passed / team.training.due () in ratio, linear, better higher, weight 0.2, adjusted false, drawn false, minimum map[]: floor 0.5=0 target 1=100
hold is avg_hold (avg_hold) in ms, linear, better lower, weight 0.2, adjusted false, drawn false, minimum map[]: stretch 10000=120 target 20000=100 floor 60000=0
repeats is repeat_rate (repeat_rate) in ratio, linear, better lower, weight 0.095, adjusted false, drawn true, minimum map[]: target 0.1=100 floor 0.3=0
peer is form.peer (form.peer) in percent, linear, better higher, weight 0.005, adjusted false, drawn true, minimum map[]: floor 50=0 target 85=100
senior, of teams false
volume is answered_per_hour (answered_per_hour) in number, linear, better higher, weight 0.8, adjusted false, drawn false, minimum map[answered:40]: floor 3=0 target 8=100
aht is aht (aht) in ms, band, better band, weight 0.2, adjusted true, drawn true, minimum map[answered:40]: floor 60000=0 target 180000=100 target 300000=100 floor 420000=0
at most 60 if form.qa.critical_failed > 0: a critical item failed
from 2026-11-01 to 2026-11-15, Double Eleven, for seniors: map[aht:0.3 volume:0.7]
`
	d := s.Describe()
	if got := described(d); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
	if d.Scheme != (SchemeID{"s", "1", s.SHA256}) || d.Period != Month || d.Zone != "Asia/Shanghai" || d.Points != (Points{0, 100, 120}) || d.Roles[1].Indicators[0].Threshold != 20_000 {
		t.Errorf("%+v", d)
	}
}

// TestDescribedSchemes: of the schemes that come along, what is said of points is what
// the curves give, and weights are whole, in seasons too.
func TestDescribedSchemes(t *testing.T) {
	files, err := filepath.Glob("../configs/schemes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, faults, _ := Read(file, b)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		worth := map[string]float64{"floor": s.Points.Floor, "target": s.Points.Target, "stretch": s.Points.Stretch}
		for i, r := range s.Describe().Roles {
			sum := 0.0
			for k, x := range r.Indicators {
				sum += x.Weight
				for _, m := range x.Marks {
					if got := s.Roles[i].Indicators[k].Curve.At(m.Value); got != m.Points || m.Name != "" && m.Points != worth[m.Name] {
						t.Errorf("%s, %s, %s: %s %v is worth %v, and said to be worth %v", file, r.Role, x.ID, m.Name, m.Value, got, m.Points)
					}
				}
			}
			for _, season := range r.Seasons {
				all := 0.0
				for _, w := range season.Weights {
					all += w
				}
				if math.Abs(all-1) > 1e-9 || len(season.Weights) != len(r.Indicators) {
					t.Errorf("%s, %s: from %s the weights are %v", file, r.Role, season.From, season.Weights)
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("%s, %s: the weights add up to %v", file, r.Role, sum)
			}
		}
	}
}
