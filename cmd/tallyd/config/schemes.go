package config

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"tallyd/connectors/api"
	"tallyd/rules"
)

// LoadSchemes reads the schemes of the configuration's scheme_files. The error is a
// Faults where their content is wrong: all of it.
func LoadSchemes(files []string) ([]api.Scheme, error) {
	texts := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		texts[file] = b
	}
	return readSchemes(files, texts)
}

// ReadSchemes does so of texts, by the names of their files.
func ReadSchemes(texts map[string][]byte) ([]api.Scheme, error) {
	return readSchemes(slices.Sorted(maps.Keys(texts)), texts)
}

func readSchemes(files []string, texts map[string][]byte) (list []api.Scheme, err error) {
	var faults Faults
	names := map[string]string{}
	for _, file := range files {
		s, wrong, _ := rules.Read(file, texts[file])
		faults = append(faults, wrong...)
		if first, twice := names[s.Name]; twice && len(wrong) == 0 {
			faults = append(faults, Fault{File: file, Line: 1, Col: 1, What: fmt.Sprintf("scheme %q is in %s too", s.Name, first)})
		}
		names[s.Name] = file
		list = append(list, api.Scheme{Scheme: s, Text: texts[file]})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return list, nil
}
