//! Runs a function in SSA form, for tests: what it computes is what machine code made of it has to compute.
//!
//! Pure opcodes go through `tiercel_wasm::numeric`. Everything outside the function - memory, the instance, calls - is a [`World`]'s.
//! Values are bits, those above the type's own being zero; the interpreter checks that after every instruction.

use super::builtins::Builtin;
use super::func::{Block, Edge, Function, List, Sig, Value};
use super::insts::{Format, Opcode, access, trap_of};
use super::types::Type;
use crate::entity::Entity;
use tiercel_abi::Trap;

/// Why a run ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The guest trapped.
    Trap(Trap),
    /// The interpreter's own limit on steps was reached.
    Steps,
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Stop {
        Stop::Trap(trap)
    }
}

/// What a function sees of the rest. Pointers are whatever the world makes of them.
pub trait World {
    /// The pointer to the vmctx.
    fn ctx(&self) -> u64;
    /// The pointer to the first byte of memory 0.
    fn memory0(&self) -> u64;
    /// Reads `bytes` bytes, little-endian, or says that nothing is there.
    fn read(&mut self, pointer: u64, bytes: u32) -> Option<u128>;
    /// Writes `bytes` bytes, little-endian, or says that nothing is there.
    fn write(&mut self, pointer: u64, bytes: u32, bits: u128) -> Option<()>;
    /// Calls a function of the module by its index.
    ///
    /// # Errors
    /// It stopped.
    fn call(&mut self, func: u32, args: &[u128]) -> Result<Vec<u128>, Stop>;
    /// Calls through a function reference.
    ///
    /// # Errors
    /// It stopped.
    fn call_ref(&mut self, func: u64, args: &[u128]) -> Result<Vec<u128>, Stop>;
    /// Calls a builtin.
    ///
    /// # Errors
    /// It stopped.
    fn builtin(&mut self, builtin: Builtin, args: &[u128]) -> Result<u128, Stop>;
    /// Takes fuel.
    ///
    /// # Errors
    /// There is none left.
    fn fuel(&mut self, units: u32) -> Result<(), Stop>;
    /// Counts a step of the interpreter.
    ///
    /// # Errors
    /// That was the last one.
    fn step(&mut self) -> Result<(), Stop>;
}

/// How a function ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned these.
    Return(Vec<u128>),
    /// A tail call of a function of the module.
    TailCall(u32, Vec<u128>),
    /// A tail call through a function reference.
    TailCallRef(u64, Vec<u128>),
}

/// Runs a verified function.
///
/// # Errors
/// It stopped.
pub fn run(func: &Function, world: &mut impl World, args: &[u128]) -> Result<Exit, Stop> {
    let mut frame =
        Frame { func, values: vec![0; func.insts.len()], slots: vec![0; func.slots.len()], pairs: Vec::new() };
    for value in func.insts.keys() {
        frame.values[value.index()] = func.const_bits(value).unwrap_or(0);
    }
    let mut block = func.entry();
    for (param, &arg) in func.params(block).zip(args) {
        frame.values[param.index()] = arg;
    }
    loop {
        match frame.block(world, block)? {
            Next::Edge(edge) => block = frame.follow(edge),
            Next::Exit(exit) => return Ok(exit),
        }
    }
}

enum Next {
    Edge(Edge),
    Exit(Exit),
}

struct Frame<'a> {
    func: &'a Function,
    values: Vec<u128>,
    slots: Vec<u128>,
    /// The results of the last instruction that had several.
    pairs: Vec<u128>,
}

impl Frame<'_> {
    fn get(&self, field: u32) -> u128 {
        self.values[field as usize]
    }

    fn list(&self, list: u32) -> Vec<u128> {
        self.func.list(List(list)).map(|value| self.values[value.index()]).collect()
    }

    fn follow(&mut self, edge: Edge) -> Block {
        let data = self.func.edges[edge];
        let args = self.list(data.args.0);
        for (param, arg) in self.func.params(data.target).zip(args) {
            self.values[param.index()] = arg;
        }
        data.target
    }

    /// The address of an access to linear memory.
    fn address(&self, world: &impl World, value: Value) -> u64 {
        let inst = self.func.inst(value);
        let address = (self.get(inst.a) as u64).wrapping_add(u64::from(inst.b));
        if inst.imm & access::NATIVE != 0 { address } else { world.memory0().wrapping_add(address) }
    }

    fn block(&mut self, world: &mut impl World, block: Block) -> Result<Next, Stop> {
        let func = self.func;
        for &value in func.block_insts(block) {
            world.step()?;
            let inst = func.inst(value);
            if inst.op.is_terminator() {
                return self.terminator(value);
            }
            let bits = self.inst(world, value)?;
            assert_eq!(bits & !inst.ty.mask(), 0, "`{}` left bits above its type", func.show(value));
            self.values[value.index()] = bits;
        }
        unreachable!("a verified block has a terminator")
    }

    fn inst(&mut self, world: &mut impl World, value: Value) -> Result<u128, Stop> {
        let inst = *self.func.inst(value);
        let (a, b, c) = (inst.a, inst.b, inst.c);
        if inst.op.is_numeric() {
            let operands = match inst.op.info().format {
                Format::Unary => [self.get(a), 0, 0],
                Format::Binary => [self.get(a), self.get(b), 0],
                _ => [self.get(a), self.get(b), self.get(c)],
            };
            return match inst.op.eval(operands, inst.imm) {
                Some(outcome) => outcome.map_err(|trap| Stop::Trap(trap_of(trap))),
                None => Ok(0),
            };
        }
        Ok(match inst.op {
            Opcode::Nop => 0,
            Opcode::Result => self.pairs[b as usize],
            Opcode::Select => {
                if self.get(c) != 0 {
                    self.get(a)
                } else {
                    self.get(b)
                }
            }
            Opcode::I8x16Shuffle => {
                let lanes = self.func.vconsts[c as usize].to_le_bytes();
                tiercel_wasm::numeric::i8x16_shuffle(self.get(a).into(), self.get(b).into(), lanes).into()
            }
            Opcode::I64Add128 | Opcode::I64Sub128 => {
                let operands = self.list(a);
                self.pairs = pair(inst.op, [operands[0], operands[1], operands[2], operands[3]]);
                0
            }
            Opcode::I64MulWideS | Opcode::I64MulWideU => {
                self.pairs = pair(inst.op, [self.get(a), self.get(b), 0, 0]);
                0
            }
            Opcode::CtxAddr => u128::from(world.ctx() + u64::from(b)),
            Opcode::CtxLoad => {
                let pointer = world.ctx() + u64::from(b);
                world.read(pointer, inst.ty.bytes()).ok_or(Trap::MemoryOutOfBounds)?
            }
            Opcode::PtrLoad => {
                let pointer = (self.get(a) as u64).wrapping_add(u64::from(b));
                world.read(pointer, inst.ty.bytes()).ok_or(Trap::MemoryOutOfBounds)?
            }
            Opcode::CtxStore | Opcode::PtrStore => {
                let base = if inst.op == Opcode::CtxStore { world.ctx() } else { self.get(a) as u64 };
                let bytes = self.func.ty(Value::new(c as usize)).bytes();
                world.write(base.wrapping_add(u64::from(b)), bytes, self.get(c)).ok_or(Trap::MemoryOutOfBounds)?;
                0
            }
            Opcode::SlotLoad => self.slots[b as usize],
            Opcode::SlotStore => {
                self.slots[b as usize] = self.get(c);
                0
            }
            Opcode::MemCheck => {
                if self.get(a) + u128::from(c) > self.get(b) {
                    return Err(Trap::MemoryOutOfBounds.into());
                }
                0
            }
            Opcode::TrapNz | Opcode::TrapZ => {
                if (self.get(a) != 0) == (inst.op == Opcode::TrapNz) {
                    return Err(trap_code(inst.imm));
                }
                0
            }
            Opcode::Fuel => {
                world.fuel(b)?;
                0
            }
            Opcode::Epoch => 0,
            Opcode::Call | Opcode::CallImport => {
                let results = world.call(a, &self.list(b))?;
                self.results(value, results)
            }
            Opcode::CallRef => {
                let results = world.call_ref(self.get(a) as u64, &self.list(b))?;
                self.results(value, results)
            }
            Opcode::Builtin => match self.func.builtin(value) {
                Some(builtin) => world.builtin(builtin, &self.list(b))? & inst.ty.mask(),
                None => 0,
            },
            op if op.info().format == Format::Load => {
                let pointer = self.address(world, value);
                let loaded = world.read(pointer, u32::from(op.info().bytes));
                if inst.imm & access::NO_TRAP != 0 {
                    assert!(loaded.is_some(), "`{}` was checked", self.func.show(value));
                }
                op.extend_loaded(loaded.ok_or(Trap::MemoryOutOfBounds)?)
            }
            op => {
                let pointer = self.address(world, value);
                let stored = world.write(pointer, u32::from(op.info().bytes), self.get(c));
                if inst.imm & access::NO_TRAP != 0 {
                    assert!(stored.is_some(), "`{}` was checked", self.func.show(value));
                }
                stored.ok_or(Trap::MemoryOutOfBounds)?;
                0
            }
        })
    }

    fn results(&mut self, value: Value, results: Vec<u128>) -> u128 {
        let sig = Sig::new(self.func.inst(value).c as usize);
        assert_eq!(results.len(), self.func.sig_results(sig).len(), "`{}`", self.func.show(value));
        if self.func.ty(value) != Type::None {
            return results[0];
        }
        self.pairs = results;
        0
    }

    fn terminator(&mut self, value: Value) -> Result<Next, Stop> {
        let inst = *self.func.inst(value);
        let edge = |index: u32| Next::Edge(Edge::new((inst.c + index) as usize));
        Ok(match inst.op {
            Opcode::Jump => edge(0),
            Opcode::BrIf => edge(u32::from(self.get(inst.a) == 0)),
            Opcode::BrTable => {
                let entries = self.func.numbers(List(inst.b));
                let index = (self.get(inst.a) as usize).min(entries.len() - 1);
                edge(entries[index])
            }
            Opcode::Return => Next::Exit(Exit::Return(self.list(inst.b))),
            Opcode::ReturnCall | Opcode::ReturnCallImport => Next::Exit(Exit::TailCall(inst.a, self.list(inst.b))),
            Opcode::ReturnCallRef => Next::Exit(Exit::TailCallRef(self.get(inst.a) as u64, self.list(inst.b))),
            _ => return Err(trap_code(inst.imm)),
        })
    }
}

fn pair(op: Opcode, operands: [u128; 4]) -> Vec<u128> {
    op.eval_pair(operands).map_or(Vec::new(), Vec::from)
}

fn trap_code(code: u8) -> Stop {
    Stop::Trap(Trap::from_code(code).unwrap_or(Trap::UnreachableCodeReached))
}
