package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestSchemeCheck: the schemes that come along are fine, and everything that is wrong
// with another is said at once.
func TestSchemeCheck(t *testing.T) {
	check := func(files ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = run(t.Context(), append([]string{"scheme", "check"}, files...), nil, &o, &e)
		return code, o.String(), e.String()
	}
	files, err := filepath.Glob("../../configs/schemes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	code, out, errs := check(files...)
	if code != exitDone || errs != "" || strings.Count(out, "\n") != len(files) || !strings.Contains(out, "scheme inbound-service, version 2026.5, 2 roles, sha256 ") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	bad := keep(t, "bad.yaml", []byte("scheme: s\nversion: 1\nperiod: week\ntime_zone: UTC\ngrades: {A: 0}\nroles:\n  agent:\n    indicators:\n      - {id: x, kpi: fcr, dimension: service, floor: 0%, target: 120%, weight: 50%}\n"))
	code, out, errs = check(append(files, bad)...)
	if code != exitNotSo || errs != "scheme check: 2 faults\n" || !strings.Contains(out, bad+":3:9: period \"week\" is none of month, quarter, any\n") ||
		!strings.Contains(out, bad+":9:7: the weights add up to 50%, not 100%\n") || !strings.Contains(out, bad+":9:9: warning: fcr cannot be beyond 0 to 100 %") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, _, errs := check(filepath.Join(t.TempDir(), "none.yaml")); code != exitUsage || !strings.Contains(errs, "no such file") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, _ := check(); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}

// TestCheckSchemes: the configuration's schemes are checked with it, and whom none is for
// is told.
func TestCheckSchemes(t *testing.T) {
	scheme := keep(t, "s.yaml", []byte(scoreScheme))
	roster := keep(t, "roster.yaml", []byte("agents:\n  - {id: ann, role: agent}\n  - {id: bob, role: agent, changes: [{from: 2026-11-01, role: trainer}]}\n"))
	check := func(schemes string) (code int, out, errs string) {
		config := keep(t, "tallyd.yaml", []byte("switches:\n  - {name: a, kind: freeswitch, address: '127.0.0.1:1', password: x}\nroster_file: "+roster+"\nscheme_files: ["+schemes+"]\n"))
		return command(t, "check", "--config", config)
	}
	if code, out, errs := check(scheme); code != exitDone || errs != "" || !strings.Contains(out, roster+": warning: role \"trainer\" is in no scheme: nobody who has it is appraised\nthe configuration is sound") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, out, _ := check(""); code != exitDone || strings.Contains(out, "warning") {
		t.Errorf("exit code %d: %s", code, out)
	}
	bad := keep(t, "bad.yaml", []byte(strings.Replace(scoreScheme, "kpi: training", "kpi: trainings", 1)))
	if code, _, errs := check(scheme + ", " + bad); code != exitUsage || !strings.Contains(errs, bad+":10:29: kpi \"trainings\" is none of") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, errs := check(scheme + ", " + scheme); code != exitUsage || !strings.Contains(errs, `scheme "s" is in `+scheme+" too") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestCheckForms: a scheme that appraises by a form that nobody described is warned of,
// where forms are described at all.
func TestCheckForms(t *testing.T) {
	scheme := keep(t, "s.yaml", []byte(strings.Replace(scoreScheme, "kpi: training", "kpi: form.mystery", 1)))
	check := func(more string) string {
		t.Helper()
		code, out, errs := command(t, "check", "--config", keep(t, "tallyd.yaml", []byte("scheme_files: ["+scheme+"]\n"+more)))
		if code != exitDone {
			t.Errorf("exit code %d: %s", code, errs)
		}
		return out
	}
	const forms = "../../configs/forms.yaml"
	if out := check("forms_file: " + absolute(t, forms) + "\n"); strings.Count(out, "warning") != 1 || !strings.Contains(out, "scheme \"s\" asks for form.mystery, and there is no form \"mystery\" here") {
		t.Error(out)
	}
	if out := check(""); strings.Contains(out, "warning") {
		t.Error(out)
	}
	// The schemes that come with tallyd ask for forms that come with it.
	ours, err := filepath.Glob("../../configs/schemes/*.yaml")
	if err != nil || len(ours) < 3 {
		t.Fatal(ours, err)
	}
	for _, file := range ours {
		scheme = absolute(t, file)
		if out := check("forms_file: " + absolute(t, forms) + "\n"); strings.Contains(out, "warning") {
			t.Error(out)
		}
	}
}
