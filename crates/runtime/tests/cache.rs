//! The cache of compiled modules: what is in it is found again, what is not whole is replaced, and whatever is wrong with the folder is no harm.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tiercel::{Cache, CacheConfig, Config, Engine, Instance, Module, Result, Store, Tier};

/// A folder that is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tiercel-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn cache(&self) -> Cache {
        Cache::new(CacheConfig::new(&self.0)).expect("a cache in the folder for temporary files")
    }

    /// The files in it.
    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).expect("the folder is there");
        files.map(|file| file.expect("its name can be read").path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700));
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(cache: &Cache) -> Config {
    let mut config = Config::new();
    config.tier(Tier::Opt).cache(Some(cache.clone()));
    config
}

/// A module whose function `f` gives `number`.
fn text(number: u32) -> String {
    format!(
        r#"(module $m (memory (export "memory") 1) (data (i32.const 0) "some data")
            (func (export "f") (result i32) (i32.const {number})) (@custom ".debug_info" "kept too"))"#
    )
}

fn run(engine: &Engine, number: u32) -> Result<Module> {
    let module = Module::new(engine, text(number))?;
    assert_eq!(module.tier(), Tier::Opt);
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_eq!(instance.get_typed_func::<(), u32>(&mut store, "f")?.call(&mut store, ())?, number);
    let memory = instance.get_memory(&mut store, "memory").expect("it is exported");
    assert_eq!(&memory.data(&store)[..9], b"some data");
    Ok(module)
}

fn counts(cache: &Cache) -> (usize, usize) {
    (cache.cache_hits(), cache.cache_misses())
}

#[test]
fn a_module_is_compiled_once() -> Result<()> {
    let folder = Folder::new("once");
    let cache = folder.cache();
    let first = run(&Engine::new(&config(&cache))?, 1)?;
    assert_eq!(counts(&cache), (0, 1));
    // Another process has another cache of the same folder.
    let other = folder.cache();
    let engine = Engine::new(&config(&other))?;
    let second = run(&engine, 1)?;
    assert_eq!(counts(&other), (1, 0));
    // What was found is as good as what was compiled.
    assert_eq!(second.serialize()?, first.serialize()?);
    assert_eq!(second.custom_sections(".debug_info").next(), Some(&b"kept too"[..]));
    assert!(second.explain(0, &mut |_, _| {})?.is_some());
    run(&engine, 2)?;
    assert_eq!(counts(&other), (1, 1));
    assert_eq!(other.contents()?.0, 2);
    assert_eq!(fs::metadata(&folder.0)?.permissions().mode() & 0o777, 0o700);
    Ok(())
}

#[test]
fn other_settings_are_other_entries() -> Result<()> {
    let folder = Folder::new("settings");
    let cache = folder.cache();
    let changes: [fn(&mut Config) -> &mut Config; 5] = [
        |config| config,
        |config| config.consume_fuel(true),
        |config| config.epoch_interruption(true),
        |config| config.wasm_simd(false).wasm_relaxed_simd(false),
        |config| config.memory_reservation(0),
    ];
    for change in changes {
        Module::new(&Engine::new(change(&mut config(&cache)))?, text(1))?;
    }
    assert_eq!(counts(&cache), (0, changes.len()));
    // The interpreter needs none.
    Module::new(&Engine::new(config(&cache).tier(Tier::Interp))?, text(1))?;
    assert_eq!(counts(&cache), (0, changes.len()));
    Ok(())
}

#[test]
fn what_is_not_valid_is_not_kept() -> Result<()> {
    let folder = Folder::new("invalid");
    let cache = folder.cache();
    let engine = Engine::new(&config(&cache))?;
    assert!(Module::new(&engine, "(module (func (result i32)))").is_err());
    assert_eq!(cache.contents()?.0, 0);
    Ok(())
}

#[test]
fn damaged_entries_are_replaced() -> Result<()> {
    let folder = Folder::new("damaged");
    run(&Engine::new(&config(&folder.cache()))?, 1)?;
    let [file] = &folder.files()[..] else { panic!("one entry") };
    let whole = fs::read(file)?;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut text = whole.clone();
    *text.last_mut().expect("not empty") ^= 1;
    for damaged in [&b""[..], b"no artifact", &whole[..whole.len() / 2], &flipped, &text] {
        // As a crash of the computer leaves it; processes only ever put whole files in place.
        fs::remove_file(file)?;
        fs::write(file, damaged)?;
        let cache = folder.cache();
        run(&Engine::new(&config(&cache))?, 1)?;
        assert_eq!(counts(&cache), (0, 1));
        assert_eq!(fs::read(file)?, whole);
    }
    // A folder is in the way.
    fs::remove_file(file)?;
    fs::create_dir(file)?;
    fs::write(file.join("inside"), "")?;
    run(&Engine::new(&config(&folder.cache()))?, 1)?;
    Ok(())
}

#[test]
fn what_was_not_used_for_longest_goes_first() -> Result<()> {
    let folder = Folder::new("limit");
    let cache = folder.cache();
    let engine = Engine::new(&config(&cache))?;
    run(&engine, 0)?;
    let bytes = cache.contents()?.1;
    let age = |path: &Path, hours: u64| {
        let file = fs::File::options().append(true).open(path)?;
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600))
    };
    let mut small = CacheConfig::new(&folder.0);
    small.with_files_total_size_soft_limit(bytes * 9 / 2);
    let small = Cache::new(small)?;
    let engine = Engine::new(&config(&small))?;
    let mut paths = folder.files();
    for number in 1..4 {
        run(&engine, number)?;
        let new = folder.files().into_iter().find(|path| !paths.contains(path)).expect("another entry");
        paths.push(new);
    }
    for (number, path) in paths.iter().enumerate() {
        age(path, 10 - number as u64)?;
    }
    // The oldest one is used again, which is noted.
    run(&engine, 0)?;
    run(&engine, 4)?;
    let left = folder.files();
    let is_left: Vec<bool> = paths.iter().map(|path| left.contains(path)).collect();
    assert_eq!(is_left, [true, false, false, true]);
    assert_eq!(left.len(), 3);
    Ok(())
}

#[test]
fn what_killed_processes_leave_is_removed() -> Result<()> {
    let folder = Folder::new("killed");
    let cache = folder.cache();
    let engine = Engine::new(&config(&cache))?;
    let (old, new) = (folder.0.join(".a.cwasm.1-0.tiercel-tmp"), folder.0.join(".b.cwasm.2-0.tiercel-tmp"));
    let foreign = folder.0.join("of somebody else");
    for path in [&old, &new, &foreign] {
        fs::write(path, "half")?;
        let hours = if path == &new { 0 } else { 2 };
        let file = fs::File::options().append(true).open(path)?;
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600))?;
    }
    run(&engine, 1)?;
    assert!(!old.exists() && new.exists() && foreign.exists());
    assert_eq!(cache.clear()?, 1);
    assert_eq!(folder.files(), [foreign]);
    Ok(())
}

#[test]
fn a_folder_of_others_is_not_used() -> Result<()> {
    let folder = Folder::new("others");
    fs::create_dir(&folder.0)?;
    for mode in [0o777, 0o770, 0o755, 0o701] {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode))?;
        let error = Cache::new(CacheConfig::new(&folder.0)).expect_err("others may use it");
        assert!(format!("{error:#}").contains("let its mode be 700"), "{error:#}");
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700))?;
    let link = Folder::new("link");
    std::os::unix::fs::symlink(&folder.0, &link.0)?;
    assert!(Cache::new(CacheConfig::new(&link.0)).is_err());
    fs::remove_file(&link.0)?;
    let foreign = Path::new("/proc/1");
    if fs::metadata(foreign).is_ok_and(|metadata| metadata.uid() != fs::metadata(&folder.0).map_or(0, |own| own.uid()))
    {
        assert!(Cache::new(CacheConfig::new(foreign)).is_err());
    }
    assert!(Cache::new(CacheConfig::new("/dev/null/cache")).is_err());
    Ok(())
}

/// Where nothing can be written any more, what is there is still found, and everything else is compiled.
#[test]
fn a_folder_that_takes_nothing_is_no_harm() -> Result<()> {
    let folder = Folder::new("gone");
    let cache = folder.cache();
    let engine = Engine::new(&config(&cache))?;
    run(&engine, 1)?;
    // For the superuser permissions do not count; a folder that is gone takes nothing from anybody.
    fs::remove_dir_all(&folder.0)?;
    run(&engine, 1)?;
    run(&engine, 2)?;
    assert_eq!(counts(&cache), (0, 3));
    fs::write(&folder.0, "a file now")?;
    run(&engine, 1)?;
    fs::remove_file(&folder.0)?;
    Ok(())
}

#[test]
fn many_threads_share_a_folder() -> Result<()> {
    let folder = Folder::new("threads");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let folder = &folder;
            scope.spawn(move || {
                for round in 0..30 {
                    let cache = folder.cache();
                    let engine = Engine::new(&config(&cache)).expect("an engine");
                    run(&engine, (thread + round) % 5).expect("it runs");
                    if round % 10 == 9 {
                        cache.clear().expect("files can be removed");
                    }
                }
            });
        }
    });
    assert!(folder.files().iter().all(|file| file.extension().is_some_and(|extension| extension == "cwasm")));
    Ok(())
}

/// A module of the tier `auto` that has hot functions, called until it is kept: at most so many seconds.
const LONGEST_SECONDS: u64 = 60;

/// Under `auto` the first process keeps what the optimizing compiler makes of the module, and the next one starts with that.
#[test]
fn hot_modules_are_kept() -> Result<()> {
    let folder = Folder::new("hot");
    let cache = folder.cache();
    let mut config = Config::new();
    config.tier(Tier::Auto).tier_up_budget(0).tier_up_threads(1).cache(Some(cache.clone()));
    let engine = Engine::new(&config)?;
    let call = |engine: &Engine, tier: Tier| -> Result<Module> {
        let module = Module::new(engine, text(8))?;
        assert_eq!(module.tier(), tier);
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        assert_eq!(instance.get_typed_func::<(), u32>(&mut store, "f")?.call(&mut store, ())?, 8);
        Ok(module)
    };
    // One that nobody has any more when its turn comes is not kept.
    drop(call(&engine, Tier::Auto)?);
    let module = call(&engine, Tier::Auto)?;
    assert_eq!(counts(&cache), (0, 2));
    let began = SystemTime::now();
    while cache.contents()?.0 == 0 {
        assert!(began.elapsed().is_ok_and(|elapsed| elapsed.as_secs() < LONGEST_SECONDS), "it is not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kept = call(&engine, Tier::Opt)?;
    assert_eq!(counts(&cache), (1, 2));
    assert_eq!(kept.serialize()?, module.serialize()?);
    // Another tier has another key.
    let mut other = Config::new();
    other.tier(Tier::Baseline).cache(Some(cache.clone()));
    call(&Engine::new(&other)?, Tier::Baseline)?;
    assert_eq!(counts(&cache), (1, 3));
    Ok(())
}

/// A small module that was never hot is kept at the end, once.
#[test]
fn small_modules_are_kept_at_the_end() -> Result<()> {
    let folder = Folder::new("end");
    let cache = folder.cache();
    let mut config = Config::new();
    config.tier(Tier::Auto).cache(Some(cache.clone()));
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, text(1))?;
    assert_eq!((module.tier(), cache.contents()?.0), (Tier::Auto, 0));
    for _ in 0..2 {
        module.keep();
        assert_eq!(cache.contents()?.0, 1);
    }
    assert_eq!(Module::new(&engine, text(1))?.tier(), Tier::Opt);
    // What is there already, or is large, or has no cache, is left alone.
    Module::new(&engine, text(1))?.keep();
    let many = "(drop (i64.const 0x123456789abcdef)) ".repeat(16 << 10);
    Module::new(&engine, format!("(module (func {many}))"))?.keep();
    Module::new(&Engine::new(config.cache(None))?, text(2))?.keep();
    assert_eq!((cache.contents()?.0, counts(&cache)), (1, (2, 2)));
    Ok(())
}

/// Where nothing can be kept, a hot module runs all the same.
#[test]
fn hot_modules_run_without_a_cache_that_can_be_written() -> Result<()> {
    let folder = Folder::new("hot-read-only");
    let cache = folder.cache();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o500)).expect("it is ours");
    let mut config = Config::new();
    config.tier(Tier::Auto).tier_up_budget(0).tier_up_threads(1).cache(Some(cache.clone()));
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, text(9))?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_typed_func::<(), u32>(&mut store, "f")?;
    let began = SystemTime::now();
    while began.elapsed().is_ok_and(|elapsed| elapsed < Duration::from_millis(800)) {
        assert_eq!(f.call(&mut store, ())?, 9);
    }
    Ok(())
}
