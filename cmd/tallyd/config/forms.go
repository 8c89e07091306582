package config

import (
	"os"

	"tallyd/rules/form"
)

// LoadForms reads the forms of a file. The error is a Faults where the content is
// wrong.
func LoadForms(file string) (form.Forms, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	forms, faults := form.Read(file, b)
	if len(faults) > 0 {
		return nil, faults
	}
	return forms, nil
}
