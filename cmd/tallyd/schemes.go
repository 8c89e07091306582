package main

import (
	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
)

// loadSchemes reads the schemes that people are appraised by.
func (d *daemon) loadSchemes() error {
	list, err := config.LoadSchemes(d.cfg.SchemeFiles)
	if d.demo != nil && len(list) == 0 && err == nil {
		list, err = config.ReadSchemes(map[string][]byte{"the simulated centre's scheme": demoScheme})
	}
	if err != nil {
		return err
	}
	d.schemes.Store(&list)
	return nil
}

// reloadSchemes reads them anew. If there is a fault in any, all that were stay.
func (d *daemon) reloadSchemes() {
	if len(d.cfg.SchemeFiles) == 0 {
		return
	}
	if err := d.loadSchemes(); err != nil {
		d.refuse("the schemes are refused, those before stay", err)
		return
	}
	d.log.Info("the schemes were read anew", "schemes", len(d.cfg.SchemeFiles))
}

// appraisedBy is the schemes of the moment.
func (d *daemon) appraisedBy() []api.Scheme {
	if list := d.schemes.Load(); list != nil {
		return *list
	}
	return nil
}
