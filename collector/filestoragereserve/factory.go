// Package filestoragereserve keeps the last room of a queue's disk for what takes items off the queue.
//
// The collector's persistent queue writes even when it reads: if that write fails because the disk is full, the item is dropped, though it was
// acknowledged (exporterhelper 0.157, persistent_queue.go, getNextItem). So new items are refused while little room is left, and a write that takes
// items off is tried until there is room.
package filestoragereserve

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// Config of the extension.
type Config struct {
	// Storage is the file_storage extension that holds the items.
	Storage component.ID `mapstructure:"storage"`
	// Directory is where that one keeps its files.
	Directory string `mapstructure:"directory"`
	// ReserveMiB is the room that new items may not use.
	ReserveMiB uint64 `mapstructure:"reserve_mib"`
}

// Validate says what is missing.
func (c *Config) Validate() error {
	if c.Directory == "" || c.ReserveMiB == 0 {
		return errors.New("directory and reserve_mib must be given: the folder of the storage, and the room to keep free there")
	}
	return nil
}

// NewFactory makes the extension `file_storage_reserve`.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("file_storage_reserve"),
		func() component.Config { return &Config{ReserveMiB: 64} },
		func(_ context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
			return &reserve{config: config.(*Config), logger: set.Logger}, nil
		},
		component.StabilityLevelAlpha,
	)
}
