;;! checks = "explicit"
(module
  (import "" "" (func $other (param i32)))
  (memory 1)
  ;; The length is compared, and the base loaded from where the memory says that it is. The trap is a call, and what lies behind it keeps
  ;; its return address inside the function.
  (func (export "load") (param i32) (result i32)
    (i32.load offset=8 (local.get 0)))
  ;; x64: "lea" "+0Ch]" "cmp" "ja" "ret" "mov r11,[r14]" "call qword ptr [r11+60h]" "ud2" !"[r15"

  ;; After a call the memory may be elsewhere, but not shorter: one check, and the base twice.
  (func (export "around a call") (param i32) (result i32)
    (i32.store (local.get 0) (i32.const 1))
    (call $other (local.get 0))
    (i32.load (local.get 0)))
  ;; x64: "ja" "mov rax,[rbx]" "call qword ptr [rax+18h]" "mov rax,[rbx]" "ret" "ud2"

  ;; A divisor is compared with 0, unless it is known.
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_u (local.get 0) (local.get 1)))
  ;; x64: "test" "je" "div" "ret" "call qword ptr [r11+60h]" "ud2"
  (func (export "remainder") (param i64 i64) (result i64)
    (i64.rem_s (local.get 0) (local.get 1)))
  ;; x64: "test" "je" "idiv" "ret" "call qword ptr [r11+60h]" "ud2"
  (func (export "divide by seven") (param i64) (result i64)
    (i64.div_u (local.get 0) (i64.const 7)))
  ;; x64: "ret" !"test" !"div" !"ud2"
)
