(module
  (memory i64 1)
  ;; The memory has more than the offset in any case: one comparison is enough.
  (func (export "load") (param i64) (result i64)
    (i64.load offset=16 (local.get 0)))
  ;; x64: "lea" "-18h]" "cmp rdi" "ja" "mov rax,[r15+rdi+10h]" "ret" !"jb"

  ;; What is masked is in bounds.
  (func (export "masked") (param i64) (result i64)
    (i64.load (i64.and (local.get 0) (i64.const 0xff8))))
  ;; x64: "and" "mov rax,[r15+" "ret" !"cmp"

  ;; A field behind a field that was checked.
  (func (export "fields") (param i64) (result i64)
    (i64.add (i64.load offset=24 (local.get 0)) (i64.load (i64.add (local.get 0) (i64.const 8)))))
  ;; x64: "cmp" "ja" "[r15+" "[r15+" "ret" !"jb"
)
