;;! inlining = "n"
(module
  (memory 1)
  ;; A leaf that needs nothing has no frame and no check of the stack.
  (func $leaf (export "leaf") (param i32) (result i32)
    (i32.load offset=8 (local.get 0)))
  ;; x64: "mov eax,[r15+rdi+8]" "ret" !"push" !"cmp rsp"

  ;; A caller compares the stack pointer once, with a value that one load reaches.
  (func (export "caller") (param i32) (result i32)
    (call $leaf (call $leaf (local.get 0))))
  ;; x64: "push rbp" "mov rbp,rsp" "mov r11,[r14]" "cmp rsp,[r11]" "jb" "call" "mov rdi,rax" "call" "ret" !"sub rsp"

  ;; A call through a reference may come back with another instance's registers; others do not.
  (type $t (func (param i32) (result i32)))
  (table 1 funcref)
  (func (export "through_table") (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (i32.const 0)))
  ;; x64: "call qword ptr [rax+18h]" "mov r14,[rsp" "mov r15,[r14+8]"
)
