use tiercel::*;
fn main() -> Result<()> {
    let engine = Engine::default();
    let file = std::env::args().nth(1).unwrap();
    let module = Module::from_file(&engine, &file)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_func(&mut store, &std::env::args().nth(2).unwrap()).unwrap();
    let args: Vec<Val> = std::env::args().skip(3).map(|a| Val::I32(a.parse().unwrap())).collect();
    let mut results = vec![Val::I32(0); f.ty(&store).results().len()];
    let t = std::time::Instant::now();
    f.call(&mut store, &args, &mut results)?;
    println!("{results:?} {:?}", t.elapsed());
    Ok(())
}
