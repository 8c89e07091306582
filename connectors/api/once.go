package api

import "log/slog"

// OnceOnly logs a fault once, however often it comes in a row, as a warning that says
// what it means.
func OnceOnly(log *slog.Logger, what string) func(error) {
	said := ""
	return func(err error) {
		switch {
		case err == nil:
			said = ""
		case err.Error() != said:
			log.Warn(what, "err", err)
			said = err.Error()
		}
	}
}
