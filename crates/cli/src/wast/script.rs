//! Runs one script against a store.

use super::{spectest, values};
use crate::engine::missing_proposal;
use std::collections::{HashMap, HashSet};
use tiercel::{
    Engine, Error, ErrorKind, Feature, Instance, Linker, Module, Result as EngineResult, Store, Tier, Trap, Val,
};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, Wat};

/// How a script ended.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Assertions that hold.
    pub passed: usize,
    /// Assertions that could not be tried, because the module they are about failed before.
    pub blocked: usize,
    /// What failed, in order.
    pub failures: Vec<Failure>,
    /// What runs each module that was made, in order.
    pub tiers: Vec<Tier>,
}

/// An assertion that does not hold, or another step that went wrong.
#[derive(Debug)]
pub struct Failure {
    /// The line of the script, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What was expected, and what came.
    pub message: String,
}

/// Runs a script in a store of its own. All that goes wrong is in the verdict.
pub fn run<T: 'static>(store: &mut Store<T>, text: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut lexer = Lexer::new(text);
    // Tests of names use every kind of character.
    lexer.allow_confusing_unicode(true);
    let failure = |span: Span, message: String| {
        let (line, column) = span.linecol_in(text);
        Failure { line: line + 1, column: column + 1, message }
    };
    let unreadable = |error: wast::Error| failure(error.span(), format!("not a script: {}", error.message()));
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(error) => {
            verdict.failures.push(unreadable(error));
            return verdict;
        }
    };
    let directives = match parser::parse::<Wast<'_>>(&buffer) {
        Ok(script) => script.directives,
        Err(error) => {
            verdict.failures.push(unreadable(error));
            return verdict;
        }
    };
    let mut script = match Script::new(store) {
        Ok(script) => script,
        Err(error) => {
            verdict.failures.push(failure(Span::from_offset(0), format!("no `spectest`: {error:#}")));
            return verdict;
        }
    };
    for directive in directives {
        let span = directive.span();
        match script.step(directive) {
            Ok(Step::Assertion) => verdict.passed += 1,
            Ok(Step::Other) => {}
            Err(Problem::Blocked) => verdict.blocked += 1,
            Err(Problem::Failed(message)) => verdict.failures.push(failure(span, message)),
        }
    }
    verdict.tiers = script.tiers;
    verdict
}

/// What a step was that went well.
enum Step {
    Assertion,
    Other,
}

/// Why a step did not go well.
enum Problem {
    /// A module that it needs failed before, which has been reported.
    Blocked,
    Failed(String),
}

/// A module or instance; nothing if it failed.
type Slot<T> = Option<T>;

struct Script<'s, T: 'static> {
    store: &'s mut Store<T>,
    engine: Engine,
    linker: Linker<T>,
    /// What `register` has named, though the instance had failed.
    failed_names: HashSet<String>,
    current: Option<Slot<Instance>>,
    instances: HashMap<String, Slot<Instance>>,
    last_definition: Option<Slot<Module>>,
    definitions: HashMap<String, Slot<Module>>,
    /// Of the modules made so far.
    tiers: Vec<Tier>,
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Problem::Failed(message)
    }
}

fn failed<R>(message: impl Into<String>) -> Result<R, Problem> {
    Err(Problem::Failed(message.into()))
}

impl<'s, T: 'static> Script<'s, T> {
    fn new(store: &'s mut Store<T>) -> EngineResult<Self> {
        let engine = store.engine().clone();
        let mut linker = Linker::new(&engine);
        // A later instance may be registered under the name of an earlier one.
        linker.allow_shadowing(true);
        spectest::define(&mut linker, store)?;
        Ok(Script {
            store,
            engine,
            linker,
            failed_names: HashSet::new(),
            current: None,
            instances: HashMap::new(),
            last_definition: None,
            definitions: HashMap::new(),
            tiers: Vec::new(),
        })
    }

    fn step(&mut self, directive: WastDirective<'_>) -> Result<Step, Problem> {
        match directive {
            WastDirective::Module(mut source) => {
                let name = name_of(source.name());
                let module = self.define(name.clone(), &mut source);
                let instance = module.and_then(|module| self.instantiate(&module));
                self.set_instance(name, instance)?;
            }
            WastDirective::ModuleDefinition(mut source) => {
                let name = name_of(source.name());
                self.define(name, &mut source)?;
            }
            WastDirective::ModuleInstance { instance: id, module, .. } => {
                let slot = match module {
                    Some(id) => self.definitions.get(id.name()),
                    None => self.last_definition.as_ref(),
                };
                let instance = match slot {
                    Some(Some(module)) => {
                        let module = module.clone();
                        self.instantiate(&module)
                    }
                    Some(None) => Err(Problem::Blocked),
                    None => failed("there is no such module definition"),
                };
                self.set_instance(name_of(id), instance)?;
            }
            WastDirective::Register { name, module, .. } => match self.instance(module) {
                Ok(instance) => {
                    self.failed_names.remove(name);
                    let done = self.linker.instance(&mut *self.store, name, instance);
                    done.map_err(|error| format!("cannot register `{name}`: {error:#}"))?;
                }
                Err(problem) => {
                    self.failed_names.insert(name.into());
                    return Err(problem);
                }
            },
            WastDirective::Invoke(call) => {
                self.invoke(call)?.map_err(|error| format!("the call failed: {}", brief(&error)))?;
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let values = self.execute(exec)?;
                let values = values.map_err(|error| format!("expected a return, got {}", brief(&error)))?;
                values::check(&*self.store, &results, &values)?;
                return Ok(Step::Assertion);
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                return trapped(outcome, message);
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(call)?;
                return trapped(outcome, message);
            }
            WastDirective::AssertMalformed { mut module, message, .. }
            | WastDirective::AssertMalformedCustom { mut module, message, .. } => {
                let accepted = module.encode().is_ok_and(|binary| Module::validate(&self.engine, &binary).is_ok());
                if accepted {
                    return failed(format!("expected the module to be malformed: {message}"));
                }
                return Ok(Step::Assertion);
            }
            WastDirective::AssertInvalid { mut module, message, .. }
            | WastDirective::AssertInvalidCustom { mut module, message, .. } => {
                let Ok(binary) = module.encode() else { return Ok(Step::Assertion) };
                return match Module::validate(&self.engine, &binary) {
                    Ok(()) => failed(format!("expected the module to be invalid: {message}")),
                    Err(error) if lacks_proposal(&error) => {
                        failed(format!("expected the module to be invalid: {message}; got {error:#}"))
                    }
                    Err(_) => Ok(Step::Assertion),
                };
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let module = self.compile(&mut QuoteWat::Wat(module))?;
                self.check_imports(&module)?;
                return match self.linker.instantiate(&mut *self.store, &module) {
                    Ok(_) => failed(format!("expected the module not to be linked: {message}")),
                    Err(error) if error.is::<Trap>() => failed(format!("expected no start, got {}", brief(&error))),
                    Err(_) => Ok(Step::Assertion),
                };
            }
            WastDirective::AssertException { exec, .. } => {
                let outcome = self.execute(exec)?;
                return failed(format!("exceptions are not supported in this version; got {}", shown(&outcome)));
            }
            WastDirective::AssertSuspension { exec, .. } => {
                let outcome = self.execute(exec)?;
                return failed(format!("stack switching is not supported in this version; got {}", shown(&outcome)));
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                return failed("threads are not supported in this version");
            }
        }
        Ok(Step::Other)
    }

    fn compile(&mut self, source: &mut QuoteWat<'_>) -> Result<Module, Problem> {
        let binary = source.encode().map_err(|error| format!("not a module: {}", error.message()))?;
        let module = Module::from_binary(&self.engine, &binary).map_err(|error| format!("not accepted: {error:#}"))?;
        self.tiers.push(module.tier());
        Ok(module)
    }

    fn define(&mut self, name: Option<String>, source: &mut QuoteWat<'_>) -> Result<Module, Problem> {
        let module = self.compile(source);
        let slot = module.as_ref().ok().cloned();
        if let Some(name) = name {
            self.definitions.insert(name, slot.clone());
        }
        self.last_definition = Some(slot);
        module
    }

    /// A module whose import failed before cannot be judged.
    fn check_imports(&self, module: &Module) -> Result<(), Problem> {
        let is_blocked = module.imports().any(|import| self.failed_names.contains(import.module()));
        if is_blocked { Err(Problem::Blocked) } else { Ok(()) }
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Problem> {
        self.check_imports(module)?;
        let instance = self.linker.instantiate(&mut *self.store, module);
        Ok(instance.map_err(|error| format!("not instantiated: {}", brief(&error)))?)
    }

    fn set_instance(&mut self, name: Option<String>, instance: Result<Instance, Problem>) -> Result<(), Problem> {
        let slot = instance.as_ref().ok().copied();
        if let Some(name) = name {
            self.instances.insert(name, slot);
        }
        self.current = Some(slot);
        instance.map(drop)
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<Instance, Problem> {
        let slot = match id {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.current,
        };
        match slot {
            Some(Some(instance)) => Ok(instance),
            Some(None) => Err(Problem::Blocked),
            None => failed(match id {
                Some(id) => format!("there is no instance `${}`", id.name()),
                None => "there is no instance yet".into(),
            }),
        }
    }

    /// What the guest does; problems of the script itself come first.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<EngineResult<Vec<Val>>, Problem> {
        match exec {
            WastExecute::Invoke(call) => self.invoke(call),
            WastExecute::Wat(module @ Wat::Module(_)) => {
                let module = self.compile(&mut QuoteWat::Wat(module))?;
                self.check_imports(&module)?;
                Ok(self.linker.instantiate(&mut *self.store, &module).map(|_| Vec::new()))
            }
            WastExecute::Wat(Wat::Component(_)) => failed("components are not supported in this version"),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.get_global(&mut *self.store, global) {
                    Some(global) => Ok(Ok(vec![global.get(&mut *self.store)])),
                    None => failed(format!("no global `{global}` is exported")),
                }
            }
        }
    }

    fn invoke(&mut self, call: WastInvoke<'_>) -> Result<EngineResult<Vec<Val>>, Problem> {
        let instance = self.instance(call.module)?;
        let Some(func) = instance.get_func(&mut *self.store, call.name) else {
            return failed(format!("no function `{}` is exported", call.name));
        };
        let arguments: Vec<Val> =
            call.args.iter().map(|arg| values::argument(&mut *self.store, arg)).collect::<Result<_, String>>()?;
        let ty = func.ty(&*self.store);
        let mut results: Vec<Val> = ty.results().map(|ty| crate::invoke::placeholder(&ty)).collect();
        Ok(func.call(&mut *self.store, &arguments, &mut results).map(|()| results))
    }
}

fn name_of(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().into())
}

/// Whether a module is refused for want of a proposal that this version does not have, so that nothing is known about the
/// rest of it. A proposal that is only switched off is a matter of the script's version.
fn lacks_proposal(error: &Error) -> bool {
    error.kind() == ErrorKind::Unsupported && !missing_proposal(error).is_some_and(Feature::is_supported)
}

/// Whether the guest was stopped for the expected reason.
fn trapped(outcome: EngineResult<Vec<Val>>, expected: &str) -> Result<Step, Problem> {
    let Err(error) = &outcome else {
        return failed(format!("expected a trap \"{expected}\", got {}", shown(&outcome)));
    };
    match error.downcast_ref::<Trap>() {
        Some(trap) if trap.message().contains(expected) || expected.contains(trap.message()) => Ok(Step::Assertion),
        // Scripts also say what kind of reference is null.
        Some(Trap::NullReference) if expected.starts_with("null ") && expected.ends_with(" reference") => {
            Ok(Step::Assertion)
        }
        _ => failed(format!("expected a trap \"{expected}\", got {}", brief(error))),
    }
}

fn shown(outcome: &Result<Vec<Val>, Error>) -> String {
    match outcome {
        Ok(values) => format!("a return of ({})", values.iter().map(values::shown).collect::<Vec<_>>().join(" ")),
        Err(error) => brief(error),
    }
}

/// An error on one line: of a trap only which it was, not where.
fn brief(error: &Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    }
}
