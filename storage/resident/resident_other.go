//go:build !linux

package resident

import "errors"

// All of it is known, and can be done, on Linux alone.

func Files() (int64, error)               { return 0, errors.ErrUnsupported }
func Of(func(string) bool) (int64, error) { return 0, errors.ErrUnsupported }
func Release(func(string) bool) error     { return errors.ErrUnsupported }
func Program() error                      { return errors.ErrUnsupported }
func Sparse() error                       { return errors.ErrUnsupported }
