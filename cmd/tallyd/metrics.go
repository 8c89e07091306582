package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tallyd/metrics"
)

// formulasVersion identifies the catalogue that figures were formed by.
const formulasVersion = "1"

type kpiInfo struct {
	ID        string   `json:"id"`
	Formula   string   `json:"formula"`
	Unit      string   `json:"unit"`
	Direction string   `json:"direction"`
	Source    string   `json:"source"`
	Of        []string `json:"of"`
	Meaning   string   `json:"meaning"`
}

func metricsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "metrics [ID]", Short: "print the catalogue of KPIs: id, formula, unit, direction, source", Args: cobra.MaximumNArgs(1),
		Example: "  tallyd metrics\n  tallyd metrics sl.offered",
		RunE: func(c *cobra.Command, args []string) error {
			list, err := catalogue(args)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				e := json.NewEncoder(out)
				e.SetEscapeHTML(false)
				return e.Encode(struct {
					Formulas string    `json:"formulas"`
					KPIs     []kpiInfo `json:"kpis"`
				}{formulasVersion, list})
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tFORMULA\tUNIT\tBETTER\tOF\tSOURCE\tMEANING")
			for _, k := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Formula, k.Unit, k.Direction, strings.Join(k.Of, ","), k.Source, k.Meaning)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

func catalogue(args []string) ([]kpiInfo, error) {
	var out []kpiInfo
	for _, k := range metrics.Catalogue() {
		if len(args) > 0 && k.ID != args[0] {
			continue
		}
		info := kpiInfo{k.ID, k.Formula, k.Unit, k.Direction, k.Source, nil, k.Doc}
		for _, r := range k.Rows {
			info.Of = append(info.Of, r.String())
		}
		out = append(out, info)
	}
	if len(out) == 0 {
		return nil, notSo("no KPI has the id %q; tallyd metrics lists them", args[0])
	}
	return out, nil
}
