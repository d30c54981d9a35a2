//! The owner of everything that runs.
//!
//! `Store<T>` is a box of `StoreData<T>`, whose first field is the `StoreInner` that running code knows. So a
//! `*mut StoreInner` of a store with host data `T` is also a `*mut StoreData<T>`, and host functions get back from the one to
//! the other. Nothing in a store moves or is freed before the store is: that is what makes handles plain addresses.

use super::context::StoreContextMut;
use super::engine::Engine;
use super::error::{Error, Result};
use super::limits::{DEFAULT_COUNT, ResourceLimiter};
use super::trap::Frame;
use super::values::Val;
use crate::gc::Heap;
use crate::interp;
use crate::sys::Region;
use crate::vm::host_func::{HostFunc, HostFuncDef};
use crate::vm::stack_limit::StackLimit;
use crate::vm::{self, CodePoint, VmFuncRef, VmGlobal, VmStore};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

/// The owner of instances, memories, host values and of the host's own data `T`. Everything in it lives as long as it does.
pub struct Store<T: 'static>(pub(crate) Box<StoreData<T>>);

/// A store and the host's data.
#[repr(C)]
pub struct StoreData<T: 'static> {
    pub(crate) inner: StoreInner,
    pub(crate) limiter: Option<Box<LimiterFn<T>>>,
    pub(crate) epoch_callback: Option<Box<EpochFn<T>>>,
    pub(crate) data: T,
}

type LimiterFn<T> = dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync;
type EpochFn<T> = dyn FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync;

/// What happens when a guest has reached its deadline; returned by the callback of [`Store::epoch_deadline_callback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateDeadline {
    /// Go on until this many further epochs have passed.
    Continue(u64),
    /// Stop the guest with [`Trap::Interrupt`](crate::Trap::Interrupt).
    Interrupt,
}

/// Which store a handle belongs to; never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(usize);

impl StoreId {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        StoreId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why a host function did not return.
pub enum Unwind {
    /// It returned an error.
    Error(Error),
    /// It panicked; the panic goes on in the host code that called the guest.
    #[cfg(feature = "std")]
    Panic(Box<dyn Any + Send>),
}

/// The part of a store that does not depend on the host's data.
pub struct StoreInner {
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    /// They go before the words that code reads: modules look there for stores that run.
    pub(crate) instances: Vec<Owned<vm::Instance>>,
    /// The words that code reads; at a fixed address.
    pub(crate) vm: Owned<VmStore>,
    /// Why the last host function failed, until the guest that called it has been left.
    pub(crate) pending: Option<Unwind>,
    /// The activations that the interpreter has left by an error.
    pub(crate) backtrace: Vec<Frame>,
    /// The interpreter's stack, from the first call of a guest on.
    stack: Option<Region>,
    pub(crate) memories: Vec<Owned<vm::Memory>>,
    pub(crate) tables: Vec<Owned<vm::Table>>,
    pub(crate) globals: Vec<Owned<VmGlobal>>,
    host_funcs: BTreeMap<usize, Owned<HostFunc>>,
    /// The collected heap.
    pub(crate) gc: Heap,
    /// What `externref` values stand for: value n is number n - 1.
    pub(crate) externs: Vec<Box<dyn Any + Send + Sync>>,
    /// Room for the values of calls of untyped host functions; empty while none runs.
    pub(crate) host_call_values: Vec<Val>,
    /// Fuel beyond what fits `VmStore::fuel`.
    fuel_reserve: u64,
    /// How code goes on that replaces the innermost frame of a guest.
    #[cfg(native)]
    pub(crate) replacement: crate::native::Replacement,
    hooks: Hooks,
}

/// The callbacks of a store, without its type parameter. Both take the store that they were made for.
#[derive(Clone, Copy)]
struct Hooks {
    limiter: unsafe fn(NonNull<StoreInner>, AskLimiter<'_>),
    epoch: unsafe fn(NonNull<StoreInner>) -> Result<UpdateDeadline>,
}

type AskLimiter<'a> = &'a mut dyn FnMut(&mut dyn ResourceLimiter);

/// A box whose contents are reached through addresses that others keep: it promises no exclusive access.
pub(crate) struct Owned<T>(NonNull<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Owned(NonNull::from(Box::leak(Box::new(value))))
    }

    #[inline]
    pub(crate) fn ptr(&self) -> NonNull<T> {
        self.0
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the address came from a box in `new` and is freed only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: everything that a store points at belongs to it alone or is shareable (modules, engine, closures that are
// `Send + Sync`), host values are `Send + Sync`, and shared access through `&Store` only reads.
unsafe impl Send for StoreInner {}
// SAFETY: as above; `pending` holds a panic only while the store is exclusively borrowed.
unsafe impl Sync for StoreInner {}

impl<T: 'static> Store<T> {
    /// An empty store with the host's own `data`.
    pub fn new(engine: &Engine, data: T) -> Self {
        let hooks = Hooks { limiter: with_limiter::<T>, epoch: at_epoch::<T> };
        let inner = StoreInner::new(engine, hooks);
        let mut store = Box::new(StoreData { inner, limiter: None, epoch_callback: None, data });
        let inner: *mut StoreInner = (&raw mut *store).cast();
        // SAFETY: the `VmStore` was made just now and nobody else knows it.
        unsafe { (*store.inner.vm.ptr().as_ptr()).store = inner };
        Store(store)
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.inner.engine
    }

    /// The host's own data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The host's own data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// Drops the store and gives the host's own data back.
    pub fn into_data(self) -> T {
        self.0.data
    }

    /// Installs limits: `limiter` finds them in the host's own data.
    pub fn limiter(&mut self, limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static) {
        self.0.limiter = Some(Box::new(limiter));
    }

    /// Frees the structs and arrays that nothing refers to any more. Otherwise that happens when the collected heap is full.
    pub fn gc(&mut self) {
        self.0.inner.collect();
    }

    /// The fuel that is left.
    ///
    /// # Errors
    /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.inner.fuel()
    }

    /// Sets the fuel; a new store has none. A guest that has used it up is stopped with
    /// [`Trap::OutOfFuel`](crate::Trap::OutOfFuel).
    ///
    /// # Errors
    /// [`Config::consume_fuel`](crate::Config::consume_fuel) is off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.inner.set_fuel(fuel)
    }

    /// Sets the deadline to this many epochs after the current one. With
    /// [`Config::epoch_interruption`](crate::Config::epoch_interruption) a new store's deadline has already passed.
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.0.inner.set_epoch_deadline(ticks_beyond_current);
    }

    /// At the deadline guests are stopped with [`Trap::Interrupt`](crate::Trap::Interrupt). This is the default.
    pub fn epoch_deadline_trap(&mut self) {
        self.0.epoch_callback = None;
    }

    /// At the deadline `callback` says how to go on; its error stops the guest.
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        self.0.epoch_callback = Some(Box::new(callback));
    }
}

impl<T: Default + 'static> Default for Store<T> {
    /// A store of a new engine with the default configuration.
    fn default() -> Self {
        Store::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("id", &self.0.inner.id).field("data", &self.0.data).finish()
    }
}

impl<T: 'static> StoreData<T> {
    /// The whole of a store from the part that running code knows.
    ///
    /// # Safety
    /// `inner` belongs to a store with host data `T`, which nobody else uses while the result lives.
    pub(crate) unsafe fn from_inner<'a>(inner: NonNull<StoreInner>) -> &'a mut StoreData<T> {
        // SAFETY: `StoreInner` is the first field of `StoreData<T>` (`repr(C)`), and `VmStore::store`, where all such pointers
        // come from, was made from the whole of it.
        unsafe { inner.cast().as_mut() }
    }
}

/// Hook `limiter` of a store with host data `T`.
///
/// # Safety
/// As [`StoreData::from_inner`].
unsafe fn with_limiter<T: 'static>(store: NonNull<StoreInner>, act: AskLimiter<'_>) {
    // SAFETY: promised by the caller.
    let store = unsafe { StoreData::<T>::from_inner(store) };
    if let Some(limiter) = &mut store.limiter {
        act(limiter(&mut store.data));
    }
}

/// Hook `epoch` of a store with host data `T`.
///
/// # Safety
/// As [`StoreData::from_inner`].
unsafe fn at_epoch<T: 'static>(store: NonNull<StoreInner>) -> Result<UpdateDeadline> {
    // SAFETY: promised by the caller.
    let store = unsafe { StoreData::<T>::from_inner(store) };
    // The callback gets the whole store, so it is out of its place while it runs.
    let Some(mut callback) = store.epoch_callback.take() else { return Ok(UpdateDeadline::Interrupt) };
    let update = callback(StoreContextMut(&mut *store));
    store.epoch_callback.get_or_insert(callback);
    update
}

impl StoreInner {
    fn new(engine: &Engine, hooks: Hooks) -> Self {
        let vm = Owned::new(VmStore {
            #[cfg(native)]
            raise: engine.native().map_or(null(), crate::native::Native::raise),
            #[cfg(not(native))]
            raise: null(),
            exit_fp: 0,
            entry_fp: AtomicUsize::new(0),
            native_stack: 0,
            #[cfg(native)]
            trapped: crate::native::Trapped::default(),
            stack_top: null_mut(),
            stack_limit: null_mut(),
            fuel: 0,
            epoch: engine.epoch(),
            epoch_deadline: 0,
            native_stack_limit: 0,
            stop_ip: null(),
            stop_fp: null_mut(),
            stop_cx: null_mut(),
            store: null_mut(),
            gc_base: null_mut(),
            gc_next: 0,
            gc_limit: 0,
            gc_value: [0; 2],
            gc_request: 0,
            gc_types: null(),
            gc_types_len: 0,
            host_call: CodePoint::NONE,
            activations: null(),
        });
        StoreInner {
            id: StoreId::new(),
            engine: engine.clone(),
            vm,
            pending: None,
            backtrace: Vec::new(),
            stack: None,
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            host_funcs: BTreeMap::new(),
            gc: Heap::new(engine.config().gc_stress),
            externs: Vec::new(),
            host_call_values: Vec::new(),
            fuel_reserve: 0,
            #[cfg(native)]
            replacement: crate::native::Replacement::default(),
            hooks,
        }
    }

    /// Panics unless a handle is of this store.
    #[inline]
    pub(crate) fn check(&self, handle: StoreId, what: &str) {
        if handle != self.id {
            wrong_store(what);
        }
    }

    /// Where offset 0 of the collected heap is.
    pub(crate) fn gc_base(&self) -> *mut u8 {
        self.vm().gc_base
    }

    fn vm(&self) -> &VmStore {
        // SAFETY: the `VmStore` lives as long as the store; code writes to it only while the store is exclusively borrowed.
        unsafe { self.vm.ptr().as_ref() }
    }

    pub(crate) fn fuel(&self) -> Result<u64> {
        self.need_fuel()?;
        Ok(self.fuel_reserve + self.vm().fuel.max(0) as u64)
    }

    pub(crate) fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.need_fuel()?;
        // What is beyond 63 bits can never be used up, but it is remembered for `fuel`.
        let counted = fuel.min(i64::MAX as u64);
        self.fuel_reserve = fuel - counted;
        // SAFETY: as in `vm`; the store is exclusively borrowed.
        unsafe { (*self.vm.ptr().as_ptr()).fuel = counted as i64 };
        Ok(())
    }

    fn need_fuel(&self) -> Result<()> {
        if self.engine.config().consume_fuel {
            return Ok(());
        }
        Err(Error::unsupported("fuel is not enabled in this engine: call `Config::consume_fuel(true)` first"))
    }

    pub(crate) fn set_epoch_deadline(&mut self, ticks: u64) {
        let deadline = self.engine.epoch().load(Ordering::Relaxed).saturating_add(ticks);
        // SAFETY: as in `vm`; the store is exclusively borrowed.
        unsafe { (*self.vm.ptr().as_ptr()).epoch_deadline = deadline };
    }

    /// The function of this store that a host function of a linker becomes.
    pub(crate) fn host_func(&mut self, def: &Arc<HostFuncDef>) -> NonNull<VmFuncRef> {
        // The entry keeps `def` alive, so that its address stays its own.
        let key = Arc::as_ptr(def) as usize;
        let (vm, engine) = (self.vm.ptr(), &self.engine);
        let new = || HostFunc::new(def.clone(), vm, def.native(engine));
        self.host_funcs.entry(key).or_insert_with(new).ptr().cast()
    }

    /// Asks the limiter, if there is one.
    ///
    /// # Safety
    /// The store is not borrowed while this runs.
    pub(crate) unsafe fn with_limiter<R>(
        store: NonNull<StoreInner>,
        act: impl FnOnce(&mut dyn ResourceLimiter) -> R,
    ) -> Option<R> {
        let (mut act, mut result) = (Some(act), None);
        // SAFETY: the hook was made for this store; that nobody else uses it is promised by the caller.
        unsafe {
            let hook = (*store.as_ptr()).hooks.limiter;
            hook(store, &mut |limiter| result = act.take().map(|act| act(limiter)));
        }
        result
    }

    /// Makes room in the count of instances, memories and tables.
    ///
    /// # Errors
    /// A count is over the store's limit.
    ///
    /// # Safety
    /// The store is not borrowed while this runs.
    pub(crate) unsafe fn reserve_counts(
        store: NonNull<StoreInner>,
        instances: usize,
        memories: usize,
        tables: usize,
    ) -> Result<()> {
        // SAFETY: promised by the caller.
        let limits =
            unsafe { Self::with_limiter(store, |limiter| [limiter.instances(), limiter.memories(), limiter.tables()]) };
        let limits = limits.unwrap_or([DEFAULT_COUNT; 3]);
        // SAFETY: promised by the caller.
        let this = unsafe { store.as_ref() };
        let counts = [this.instances.len() + instances, this.memories.len() + memories, this.tables.len() + tables];
        for ((count, limit), what) in counts.into_iter().zip(limits).zip(["instance", "memory", "table"]) {
            if count > limit {
                return Err(Error::limit(format_args!(
                    "resource limit exceeded: {what} count too high at {count}, the store allows {limit}"
                )));
            }
        }
        Ok(())
    }

    /// Runs the epoch callback and moves the deadline; false is the order to stop.
    ///
    /// # Safety
    /// The store is not borrowed while this runs.
    pub(crate) unsafe fn epoch_reached(store: NonNull<StoreInner>) -> Result<bool> {
        // SAFETY: the hook was made for this store; that nobody else uses it is promised by the caller.
        let update = unsafe { ((*store.as_ptr()).hooks.epoch)(store)? };
        match update {
            // SAFETY: promised by the caller.
            UpdateDeadline::Continue(ticks) => unsafe { (*store.as_ptr()).set_epoch_deadline(ticks) },
            UpdateDeadline::Interrupt => return Ok(false),
        }
        Ok(true)
    }

    /// Frees the objects of the collected heap that nothing refers to.
    pub(crate) fn collect(&mut self) {
        let store = NonNull::from(&mut *self);
        // SAFETY: the store is exclusively borrowed; the host's references are roots, and guests that wait are where they
        // called the host.
        unsafe {
            let top = self.vm().host_call;
            crate::gc::heap::collect(store, top);
        }
    }

    /// Calls a function from the host.
    ///
    /// # Errors
    /// The guest was stopped, or a host function returned an error.
    ///
    /// # Panics
    /// A host function panicked.
    ///
    /// # Safety
    /// `func` belongs to `store`, which is not borrowed; `slots` holds its parameters and has room for its results.
    #[inline]
    pub(crate) unsafe fn call(store: NonNull<StoreInner>, func: NonNull<VmFuncRef>, slots: *mut u64) -> Result<()> {
        // SAFETY: promised by the caller; the words of the `VmStore` are only read and written through its address.
        unsafe {
            let vm = (*store.as_ptr()).vm.ptr().as_ptr();
            let outer = StackLimit::set(vm, (*store.as_ptr()).engine.config());
            let result = match (*func.as_ptr()).host {
                Some(host) if host(func, null_mut(), slots) => Ok(()),
                Some(_) => Err(interp::Stop::Pending),
                None => Self::interpret(store, func, slots),
            };
            outer.restore(vm);
            result.map_err(|stop| (*store.as_ptr()).stopped(stop))
        }
    }

    /// Calls a guest function that the interpreter runs.
    ///
    /// # Safety
    /// As [`StoreInner::call`], for such a function.
    pub(crate) unsafe fn interpret(
        store: NonNull<StoreInner>,
        func: NonNull<VmFuncRef>,
        slots: *mut u64,
    ) -> Result<(), interp::Stop> {
        // SAFETY: promised by the caller.
        unsafe {
            let vm = (*store.as_ptr()).vm.ptr();
            if (*vm.as_ptr()).stack_top.is_null()
                && let Err(error) = (*store.as_ptr()).make_stack()
            {
                (*store.as_ptr()).pending = Some(Unwind::Error(error));
                return Err(interp::Stop::Pending);
            }
            // Host code that is called by the guest finds the stack where the guest left it; here it is put back.
            let stack_top = (*vm.as_ptr()).stack_top;
            let result = interp::call(vm, func, slots);
            (*vm.as_ptr()).stack_top = stack_top;
            result
        }
    }

    #[cold]
    fn make_stack(&mut self) -> Result<()> {
        let bytes = self.engine.config().max_wasm_stack.next_multiple_of(size_of::<u64>());
        let mut stack = Region::new(bytes as u64, 0, false)?;
        stack.grow(bytes)?;
        let base: *mut u64 = stack.base().cast();
        self.stack = Some(stack);
        // SAFETY: the stack has that many slots.
        let limit = unsafe { base.add(bytes / size_of::<u64>()) };
        // SAFETY: as in `vm`; the store is exclusively borrowed.
        let vm = unsafe { self.vm.ptr().as_mut() };
        (vm.stack_top, vm.stack_limit) = (base, limit);
        Ok(())
    }

    /// Turns the reason for a stop into an error, or lets a panic go on.
    #[cold]
    fn stopped(&mut self, stop: interp::Stop) -> Error {
        let mut frames = core::mem::take(&mut self.backtrace);
        frames.truncate(self.engine.config().backtrace_max_frames);
        let error = match stop {
            interp::Stop::Trap(trap) => Error::new(trap),
            interp::Stop::Pending => match self.pending.take() {
                Some(Unwind::Error(error)) => error,
                #[cfg(feature = "std")]
                Some(Unwind::Panic(payload)) => std::panic::resume_unwind(payload),
                None => unreachable!("a host function failed without a reason"),
            },
        };
        error.with_backtrace(super::trap::WasmBacktrace::new(frames))
    }
}

#[cold]
fn wrong_store(what: &str) -> ! {
    panic!("{what} used with the wrong store: it belongs to another one")
}
