//! Alias classes: what reads and writes can have in common. Accesses of different classes never touch the same bytes.

/// An alias class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AliasClass(u8);

/// Classes that own globals are spread over, by index.
const GLOBAL_CLASSES: u8 = 8;

impl AliasClass {
    /// What is never written while code runs.
    pub const READ_ONLY: AliasClass = AliasClass(0);
    /// Memory 0, and all imported memories if it is imported: two imports may be the same memory.
    pub const MEMORY: AliasClass = AliasClass(1);
    /// All other memories.
    pub const MEMORY_OTHER: AliasClass = AliasClass(2);
    /// Lengths of memories, and their bases where they move.
    pub const MEMORY_SIZE: AliasClass = AliasClass(3);
    /// Elements of tables.
    pub const TABLE: AliasClass = AliasClass(4);
    /// Lengths and bases of tables.
    pub const TABLE_SIZE: AliasClass = AliasClass(5);
    /// Where the collected heap is: whatever may collect writes it.
    pub const HEAP_SPACE: AliasClass = AliasClass(6);
    /// Fields of structs that hold numbers and functions.
    pub const STRUCT_DATA: AliasClass = AliasClass(7);
    /// Fields of structs that hold references.
    pub const STRUCT_REFS: AliasClass = AliasClass(8);
    /// Elements of arrays of numbers and functions.
    pub const ARRAY_DATA: AliasClass = AliasClass(9);
    /// Elements of arrays of references.
    pub const ARRAY_REFS: AliasClass = AliasClass(10);
    /// Imported mutable globals: two imports may be the same global.
    pub const GLOBAL_IMPORTED: AliasClass = AliasClass(11);
    const FIRST_GLOBAL: u8 = 12;
    /// How many there are.
    pub const COUNT: usize = (Self::FIRST_GLOBAL + GLOBAL_CLASSES) as usize;

    /// The class of an own mutable global.
    pub const fn own_global(index: u32) -> AliasClass {
        AliasClass(Self::FIRST_GLOBAL + (index % GLOBAL_CLASSES as u32) as u8)
    }

    /// Every class, read-only first.
    pub fn all() -> impl Iterator<Item = AliasClass> {
        (0..Self::COUNT as u8).map(AliasClass)
    }

    /// Whether it is one of the classes of globals.
    pub const fn is_global(self) -> bool {
        self.0 >= Self::GLOBAL_IMPORTED.0
    }

    /// Its number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number as the field `imm` of an instruction holds it.
    pub const fn imm(self) -> u8 {
        self.0
    }

    /// The class that `imm` of an instruction holds.
    pub const fn from_imm(imm: u8) -> AliasClass {
        AliasClass(imm)
    }

    /// How it is written.
    pub fn name(self) -> String {
        match self.0 {
            0 => "readonly".into(),
            1 => "memory".into(),
            2 => "other_memory".into(),
            3 => "memory_size".into(),
            4 => "table".into(),
            5 => "table_size".into(),
            6 => "heap_space".into(),
            7 => "struct_data".into(),
            8 => "struct_refs".into(),
            9 => "array_data".into(),
            10 => "array_refs".into(),
            11 => "imported_global".into(),
            class => format!("global{}", class - Self::FIRST_GLOBAL),
        }
    }

    /// The class that is written so.
    pub fn from_name(name: &str) -> Option<AliasClass> {
        AliasClass::all().find(|class| class.name() == name)
    }
}
