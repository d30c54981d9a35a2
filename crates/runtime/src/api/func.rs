//! Functions, of guests and of the host.

use super::caller::Caller;
use super::context::{AsContext, AsContextMut};
use super::engine::Engine;
use super::error::Result;
use super::store::{StoreData, StoreId, StoreInner};
use super::typed::{Registers, TypedFunc, WasmParams, WasmResults, WasmTy, foreign_value};
use super::types::FuncType;
use super::values::Val;
use crate::tuning::INLINE_CALL_SLOTS;
use crate::vm::host_func::{HostFunc, HostFuncDef, InRegisters, enter};
use crate::vm::{VmCtx, VmFuncRef};
use crate::{ensure, format_err};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;
use tiercel_wasm::{FuncType as WasmFuncType, TypeId, ValType};

/// A function of a store. A handle: cheap to copy, valid with its store only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Func {
    store: StoreId,
    /// Lives as long as the store.
    func_ref: NonNull<VmFuncRef>,
}

// SAFETY: a handle is an address that is only followed with its store at hand.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Func({:p})", self.func_ref)
    }
}

impl Func {
    /// A host function whose type is known at run time only. `func` gets the caller, the parameters, and the results to set
    /// (null or zero at first).
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        let store = &mut store.as_context_mut().0.inner;
        let def = Arc::new(untyped_host_func(&store.engine, ty, func));
        Func::from_def(store, &def)
    }

    /// A host function from a closure over [`WasmTy`] parameters, with a [`Caller`] in front if it wants one. It returns
    /// nothing, a [`WasmTy`], a tuple of them, or a [`Result`] of those.
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        let store = &mut store.as_context_mut().0.inner;
        let def = Arc::new(func.into_host_func(&store.engine));
        Func::from_def(store, &def)
    }

    pub(crate) fn from_def(store: &mut StoreInner, def: &Arc<HostFuncDef>) -> Func {
        Func { store: store.id, func_ref: store.host_func(def) }
    }

    /// # Safety
    /// `func_ref` is that of a function of `store`.
    pub(crate) unsafe fn from_raw(store: &StoreInner, func_ref: NonNull<VmFuncRef>) -> Func {
        Func { store: store.id, func_ref }
    }

    /// The reference in a slot.
    ///
    /// # Safety
    /// The slot holds a function reference of `store`.
    pub(crate) unsafe fn from_slot(store: &StoreInner, slot: u64) -> Option<Func> {
        let func_ref = NonNull::new(core::ptr::with_exposed_provenance_mut(slot as usize))?;
        Some(Func { store: store.id, func_ref })
    }

    /// The slot that stands for a function; 0 is null.
    pub(crate) fn to_slot(this: Option<Func>) -> u64 {
        this.map_or(0, |func| func.func_ref.as_ptr().expose_provenance() as u64)
    }

    #[inline]
    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    #[inline]
    pub(crate) fn func_ref(&self) -> NonNull<VmFuncRef> {
        self.func_ref
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store == store.id
    }

    /// The identity of the type.
    ///
    /// The caller has checked that the store is alive, by having it at hand.
    pub(crate) fn type_id(&self) -> TypeId {
        // SAFETY: func refs live as long as their store.
        TypeId::from_u32(unsafe { self.func_ref.as_ref() }.type_id)
    }

    /// Parameters and results.
    ///
    /// # Panics
    /// The function belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        // SAFETY: the store is borrowed until the type is cloned.
        unsafe { self.wasm_type(&store.as_context().0.inner) }.clone().into()
    }

    /// Parameters and results.
    ///
    /// # Safety
    /// The store lives as long as the result.
    unsafe fn wasm_type<'a>(&self, store: &StoreInner) -> &'a WasmFuncType {
        store.check(self.store, "function");
        // SAFETY: the func ref is of this store: that of a host function, or of an instance that is reached by its vmctx. Both
        // keep the type as long as the store lives, without ever writing to it.
        unsafe {
            let func = self.func_ref.as_ref();
            if func.is_host() {
                return HostFunc::ty(self.func_ref).as_wasm();
            }
            let info = &(*(*func.vmctx).instance).module().info;
            info.func_type(info.imported.funcs + func.func_index)
        }
    }

    /// Calls the function with values whose types are checked now; `results` has room for exactly the results.
    ///
    /// # Errors
    /// Values do not fit the function's type, the guest was stopped, or a host function returned an error.
    ///
    /// # Panics
    /// The function belongs to another store, or a host function panicked.
    pub fn call(&self, mut store: impl AsContextMut, params: &[Val], results: &mut [Val]) -> Result<()> {
        let mut context = store.as_context_mut();
        // SAFETY: the store is borrowed until the end.
        let ty = unsafe { self.wasm_type(&context.0.inner) };
        let (param_types, result_types) = (ty.params(), ty.results());
        let (expected, given) = (param_types.len(), params.len());
        ensure!(expected == given, "the function takes {expected} parameters, {given} were given");
        let (expected, given) = (result_types.len(), results.len());
        ensure!(expected == given, "the function has {expected} results, there is room for {given}");
        for (i, (value, ty)) in params.iter().zip(param_types).enumerate() {
            value.check(&context.0.inner, ty, format_args!("parameter {i}"))?;
        }
        let mut inline = [0; INLINE_CALL_SLOTS];
        let mut heap = Vec::new();
        let len = ty.param_slots().max(ty.result_slots());
        let slots = match inline.get_mut(..len) {
            Some(slots) => slots,
            None => {
                heap.resize(len, 0);
                &mut heap[..]
            }
        };
        let slots = slots.as_mut_ptr();
        let inner = context.inner_ptr();
        // SAFETY: the function is of this store (`wasm_type`), whose borrow is not used meanwhile; there are enough slots for
        // parameters, whose types were checked, and for results, which the function leaves with their types.
        unsafe {
            let mut at = slots;
            for value in params {
                at = at.add(value.write(inner.as_ref(), at));
            }
            StoreInner::call(inner, self.func_ref, slots)?;
            let mut at = slots.cast_const();
            for (value, ty) in results.iter_mut().zip(result_types) {
                *value = Val::read(&mut *inner.as_ptr(), ty, &mut at);
            }
        }
        Ok(())
    }

    /// The function with types that are known when the host is compiled, and checked now.
    ///
    /// # Errors
    /// The function has other types.
    ///
    /// # Panics
    /// The function belongs to another store.
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>> {
        let context = store.as_context();
        // SAFETY: the store is borrowed until the end.
        let ty = unsafe { self.wasm_type(&context.0.inner) };
        TypedFunc::new(&context.0.inner.engine, *self, ty)
            .map_err(|error| error.context(format_err!("the function's type is {ty}")))
    }
}

/// A host function of run-time type `ty`.
pub(crate) fn untyped_host_func<T, F>(engine: &Engine, ty: FuncType, func: F) -> HostFuncDef
where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    /// # Safety
    /// As [`HostCall`](crate::vm::HostCall), for a store with host data `T` and a function made from an `F`.
    unsafe extern "C" fn call<T, F>(callee: NonNull<VmFuncRef>, caller: *mut VmCtx, slots: *mut u64) -> bool
    where
        T: 'static,
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        // SAFETY: promised by the caller. The store is borrowed only by the `Caller` while the closure runs.
        unsafe {
            let done = enter::<F, ()>(callee, |func, store| {
                let ty = HostFunc::ty(callee).as_wasm();
                let zero = |ty| Val::default_for_ty(ty).unwrap_or(Val::null_func_ref());
                let mut at = slots.cast_const();
                let mut values = core::mem::take(&mut (*store.as_ptr()).host_call_values);
                values.extend(ty.params().iter().map(|ty| Val::read(&mut *store.as_ptr(), ty, &mut at)));
                values.extend(ty.results().iter().map(zero));
                let (params, results) = values.split_at_mut(ty.params().len());
                func(Caller::new(StoreData::from_inner(store), caller), params, results)?;
                let mut at = slots;
                for (i, (value, ty)) in results.iter().zip(ty.results()).enumerate() {
                    value.check(store.as_ref(), ty, format_args!("result {i} of the host function"))?;
                    at = at.add(value.write(store.as_ref(), at));
                }
                values.clear();
                (*store.as_ptr()).host_call_values = values;
                Ok(())
            });
            done.is_some()
        }
    }
    // SAFETY: `call` is made for this closure and reads and writes what the type says; `T` is that of the stores the result
    // is used with: the one it is made for, or those of its linker.
    unsafe { HostFuncDef::new(engine, ty, call::<T, F>, core::ptr::null(), func) }
}

/// What a host closure may return: nothing, a [`WasmTy`], a tuple of them, or a [`Result`] of those.
///
/// # Safety
/// `write` writes values of the types that `valtypes` tells.
pub unsafe trait WasmRet {
    /// Calls `each` with every type.
    #[doc(hidden)]
    fn valtypes(each: &mut dyn FnMut(ValType));

    /// # Safety
    /// There is room in `slots`.
    #[doc(hidden)]
    unsafe fn write(self, store: &StoreInner, slots: *mut u64) -> Result<()>;

    /// How it travels in a register.
    #[doc(hidden)]
    type Register: Copy + Default;

    /// Whether it does.
    #[doc(hidden)]
    const IN_REGISTER: bool;

    /// The register that holds it. It needs no store: references travel in slots.
    #[doc(hidden)]
    fn into_register(self) -> Result<Self::Register>;
}

// SAFETY: forwards to `WasmParams`.
unsafe impl<R: WasmResults> WasmRet for R {
    type Register = <R as WasmResults>::Register;
    const IN_REGISTER: bool = R::IN_REGISTER;

    #[inline]
    fn into_register(self) -> Result<Self::Register> {
        Ok(WasmResults::into_register(self))
    }

    fn valtypes(each: &mut dyn FnMut(ValType)) {
        <R as WasmParams>::valtypes(each);
    }

    #[inline]
    unsafe fn write(self, store: &StoreInner, slots: *mut u64) -> Result<()> {
        if !self.comes_from(store) {
            return Err(foreign_value("a result of the host function"));
        }
        // SAFETY: promised by the caller.
        unsafe { self.store(store, slots) };
        Ok(())
    }
}

// SAFETY: forwards to the value's.
unsafe impl<R: WasmResults> WasmRet for Result<R> {
    type Register = <R as WasmResults>::Register;
    const IN_REGISTER: bool = R::IN_REGISTER;

    #[inline]
    fn into_register(self) -> Result<Self::Register> {
        self.map(WasmResults::into_register)
    }

    fn valtypes(each: &mut dyn FnMut(ValType)) {
        <R as WasmParams>::valtypes(each);
    }

    #[inline]
    unsafe fn write(self, store: &StoreInner, slots: *mut u64) -> Result<()> {
        // SAFETY: promised by the caller.
        unsafe { self?.write(store, slots) }
    }
}

/// A closure that [`Func::wrap`] and [`Linker::func_wrap`](crate::Linker::func_wrap) accept.
///
/// # Safety
/// The host function expects stores with host data `T`, and its type says what it reads and writes.
pub unsafe trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host_func(self, engine: &Engine) -> HostFuncDef;
}

/// Calls a macro with the parameter names of every arity that typed functions may have.
macro_rules! for_each_arity {
    ($macro:ident) => {
        $macro! {
            ()
            (A1)
            (A1 A2)
            (A1 A2 A3)
            (A1 A2 A3 A4)
            (A1 A2 A3 A4 A5)
            (A1 A2 A3 A4 A5 A6)
            (A1 A2 A3 A4 A5 A6 A7)
            (A1 A2 A3 A4 A5 A6 A7 A8)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15)
            (A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16)
        }
    };
}
pub(crate) use for_each_arity;

macro_rules! into_func {
    ($(($($arg:ident)*))*) => {
        $(
            // SAFETY: forwards to the closure with a caller.
            #[allow(non_snake_case, reason = "parameters are named as their types")]
            unsafe impl<T: 'static, F, $($arg: WasmTy,)* R: WasmRet> IntoFunc<T, ($($arg,)*), R> for F
            where
                F: Fn($($arg),*) -> R + Send + Sync + 'static,
            {
                fn into_host_func(self, engine: &Engine) -> HostFuncDef {
                    let with_caller = move |_: Caller<'_, T>, $($arg: $arg),*| self($($arg),*);
                    with_caller.into_host_func(engine)
                }
            }

            // SAFETY: `call` makes a `Caller` of `T`, and the type lists what it loads and writes.
            #[allow(non_snake_case, unused, reason = "parameters are named as their types; the empty list uses none")]
            unsafe impl<T: 'static, F, $($arg: WasmTy,)* R: WasmRet> IntoFunc<T, (Caller<'_, T>, $($arg,)*), R> for F
            where
                F: Fn(Caller<'_, T>, $($arg),*) -> R + Send + Sync + 'static,
            {
                fn into_host_func(self, engine: &Engine) -> HostFuncDef {
                    /// # Safety
                    /// As `HostCall`, for a store with host data `T` and a function made from an `F`.
                    unsafe extern "C" fn call<T: 'static, F, $($arg: WasmTy,)* R: WasmRet>(
                        callee: NonNull<VmFuncRef>,
                        caller: *mut VmCtx,
                        slots: *mut u64,
                    ) -> bool
                    where
                        F: Fn(Caller<'_, T>, $($arg),*) -> R + Send + Sync + 'static,
                    {
                        // SAFETY: promised by the caller. The store is borrowed only by the `Caller` while the closure runs.
                        unsafe {
                            let done = enter::<F, ()>(callee, |func, store| {
                                let mut at = slots.cast_const();
                                $(
                                    let $arg = <$arg as WasmTy>::load(&mut *store.as_ptr(), at);
                                    at = at.add(<$arg as WasmTy>::SLOTS);
                                )*
                                let result = func(Caller::new(StoreData::from_inner(store), caller), $($arg),*);
                                result.write(store.as_ref(), slots)
                            });
                            done.is_some()
                        }
                    }

                    /// # Safety
                    /// As `call`, for parameters and a result that travel in registers, all from compiled code.
                    unsafe extern "C" fn in_registers<T: 'static, F, $($arg: WasmTy,)* R: WasmRet>(
                        $($arg: <$arg as WasmTy>::Register,)*
                        callee: NonNull<VmFuncRef>,
                        caller: *mut VmCtx,
                    ) -> InRegisters<R::Register>
                    where
                        F: Fn(Caller<'_, T>, $($arg),*) -> R + Send + Sync + 'static,
                    {
                        // SAFETY: promised by the caller. The store is borrowed only by the `Caller` while the closure runs.
                        let value = unsafe {
                            enter::<F, R::Register>(callee, |func, store| {
                                $(let $arg = <$arg as WasmTy>::from_register($arg);)*
                                func(Caller::new(StoreData::from_inner(store), caller), $($arg),*).into_register()
                            })
                        };
                        InRegisters { went_well: value.is_some().into(), value: value.unwrap_or_default() }
                    }

                    let fits = cfg!(native) && R::IN_REGISTER && fit_registers(&[$(<$arg as WasmTy>::REGISTERS),*]);
                    let in_registers = match fits {
                        true => in_registers::<T, F, $($arg,)* R> as *const u8,
                        false => core::ptr::null(),
                    };
                    // SAFETY: `call` is made for this closure, and the type is that of the values it reads and writes; `T` is
                    // that of the stores the result is used with: the one it is made for, or those of its linker.
                    unsafe {
                        HostFuncDef::new(
                            engine,
                            closure_type::<($($arg,)*), R>(engine),
                            call::<T, F, $($arg,)* R>,
                            in_registers,
                            self,
                        )
                    }
                }
            }
        )*
    };
}

for_each_arity!(into_func);

/// Whether parameters are passed in registers beside the callee and its caller; the compiler's `Shape::fits_registers` says the same of types.
const fn fit_registers(params: &[Registers]) -> bool {
    let (mut ints, mut floats, mut next) = (0, 0, 0);
    while next < params.len() {
        match params[next] {
            Registers::None => return false,
            Registers::Int => ints += 1,
            Registers::Float => floats += 1,
        }
        next += 1;
    }
    ints <= 4 && floats <= 8
}

fn closure_type<Params: WasmParams, R: WasmRet>(engine: &Engine) -> FuncType {
    let (mut params, mut results) = (Vec::new(), Vec::new());
    Params::valtypes(&mut |ty| params.push(ty));
    R::valtypes(&mut |ty| results.push(ty));
    FuncType::new(engine, params, results)
}
