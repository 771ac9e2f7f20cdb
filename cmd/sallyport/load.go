package main

import (
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/keeper"
	"sallyport/internal/module"
	"sallyport/internal/modules/all"
	"sallyport/internal/snapshot"
)

// read reads the configuration, by the same code for -t, start and reload. k may
// read files that this process may not.
func read(o *options, k *keeper.Keeper) (*conf.Config, diag.List) {
	env := newEnvironment(o.root)
	cfg, diags := conf.Load(conf.Options{
		File: o.file, Root: o.root, Defines: o.defines,
		Before: o.before, After: o.after, Modules: all.Infos(), Env: env.lookup, ReadFile: k.ReadFile,
	})
	return cfg, append(diags, env.notes()...)
}

// build compiles what was read; the list is read's with what came to light.
// The snapshot is nil when it holds an error.
func build(cfg *conf.Config, diags diag.List, env module.Env) (*snapshot.Snapshot, diag.List) {
	if diags.Failed() {
		return nil, diags
	}
	snap, more := snapshot.Build(cfg, all.Rooms, env)
	cfg.Show(more)
	return snap, append(diags, more...)
}
