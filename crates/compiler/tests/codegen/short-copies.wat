(module
  (memory 1)
  ;; All is loaded before anything is stored, the last piece first.
  (func (export "copy20") (param i32 i32)
    (memory.copy (local.get 0) (local.get 1) (i32.const 20)))
  ;; x64: "movups xmm0,[r15+rsi+4]" "movups xmm1,[r15+rsi]" "movups [r15+rdi+4],xmm0" "movups [r15+rdi],xmm1" "ret" !"call"

  (func (export "copy3") (param i32 i32)
    (memory.copy (local.get 0) (local.get 1) (i32.const 3)))
  ;; x64: "movzx" "[r15+rsi+1]" "movzx" "[r15+rsi]" "mov [r15+rdi+1]" "mov [r15+rdi]" "ret" !"call"

  ;; Filling with a constant needs no more than the constant.
  (func (export "clear40") (param i32)
    (memory.fill (local.get 0) (i32.const 0) (i32.const 40)))
  ;; x64: "xorps" "movups [r15+rdi+18h]" "movups [r15+rdi+10h]" "movups [r15+rdi]" "ret" !"call"

  (func (export "fill8") (param i32)
    (memory.fill (local.get 0) (i32.const 0x41) (i32.const 8)))
  ;; x64: "4141414141414141h" "mov [r15+rdi]" "ret" !"call"

  ;; Nothing is still checked, and more than a few bytes are copied by the runtime.
  (func (export "copy0") (param i32 i32)
    (memory.copy (local.get 0) (local.get 1) (i32.const 0)))
  ;; x64: "call"
  (func (export "copy129") (param i32 i32)
    (memory.copy (local.get 0) (local.get 1) (i32.const 129)))
  ;; x64: "call"
)
