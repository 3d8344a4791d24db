package filestoragereserve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const retryEvery = 200 * time.Millisecond

type reserve struct {
	config *Config
	logger *zap.Logger
	inner  storage.Extension
	// The pipelines are about to stop: nobody may wait any more.
	closing atomic.Bool
}

func (r *reserve) Start(_ context.Context, host component.Host) error {
	inner, ok := host.GetExtensions()[r.config.Storage].(storage.Extension)
	if !ok {
		return fmt.Errorf("%s is no storage extension of this service", r.config.Storage)
	}
	r.inner = inner
	return nil
}

func (*reserve) Shutdown(context.Context) error { return nil }

// Ready and NotReady are how the service tells extensions of its pipelines.
func (*reserve) Ready() error { return nil }

func (r *reserve) NotReady() error {
	r.closing.Store(true)
	return nil
}

func (r *reserve) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	inner, err := r.inner.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	return &client{Client: inner, reserve: r}, nil
}

type client struct {
	storage.Client
	reserve *reserve
	mutex   sync.Mutex
	// Deletions of a queue that starts: it deletes all that was on its way before it files that again, one by one. So each goes with what is filed, and
	// an end in between loses nothing.
	later []*storage.Operation
	// A write that takes items off was given up at the end: what is on the disk stays as it is, for the next start.
	givenUp error
}

func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.givenUp != nil {
		return c.givenUp
	}
	if onlyDeletes(ops) {
		c.later = append(c.later, ops...)
		return nil
	}
	if adds(ops) {
		if len(c.later) > 0 {
			if err := c.untilThereIsRoom(ctx, append(ops, c.later[0])); err != nil {
				return err
			}
			c.later = c.later[1:]
			return nil
		}
		if err := c.reserve.room(); err != nil {
			return err
		}
		return c.Client.Batch(ctx, ops...)
	}
	if err := c.untilThereIsRoom(ctx, append(ops, c.later...)); err != nil {
		return err
	}
	c.later = nil
	return nil
}

func (c *client) untilThereIsRoom(ctx context.Context, ops []*storage.Operation) error {
	for told := false; ; {
		err := c.Client.Batch(ctx, ops...)
		if err == nil || !isFull(err) {
			return err
		}
		if c.reserve.closing.Load() || ctx.Err() != nil {
			c.givenUp = err
			return err
		}
		if !told {
			c.reserve.logger.Warn("The disk of the queue is full: waiting for room, nothing is dropped", zap.Error(err))
			told = true
		}
		time.Sleep(retryEvery)
	}
}

// room is an error while less than the reserve is free.
func (r *reserve) room() error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(r.config.Directory, &disk); err != nil {
		return fmt.Errorf("%s can't be asked for its room: %w", r.config.Directory, err)
	}
	if free := uint64(disk.Bavail) * uint64(disk.Bsize); free < r.config.ReserveMiB<<20 {
		return fmt.Errorf("%w: %d bytes are free in %s, of which %d MiB are kept for taking items off: send it again later",
			storage.ErrStorageFull, free, r.config.Directory, r.config.ReserveMiB)
	}
	return nil
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, storage.ErrStorageFull)
}

func onlyDeletes(ops []*storage.Operation) bool {
	for _, op := range ops {
		if op.Type != storage.Delete {
			return false
		}
	}
	return len(ops) > 0
}

// adds tells whether an item is stored: the queue names items by number.
func adds(ops []*storage.Operation) bool {
	for _, op := range ops {
		if _, err := strconv.ParseUint(op.Key, 10, 64); err == nil && op.Type == storage.Set {
			return true
		}
	}
	return false
}
