(module
  (memory 1)
  (func (export "less") (param i32 i32) (result i32)
    (if (i32.lt_s (local.get 0) (local.get 1)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp edi,esi" "j" !"set" !"test"

  ;; A load that nobody else needs is part of the comparison.
  (func (export "loaded") (param i32 i32) (result i32)
    (if (i32.ge_u (local.get 0) (i32.load offset=4 (local.get 1))) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "cmp edi,[r15+rsi+4]" "j"

  ;; Bits of a mask are tested without computing them.
  (func (export "masked") (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 24)) (then (return (i32.const 7))))
    (i32.const 9))
  ;; x64: "test edi,18h" "j" !"and "

  ;; A trap lies behind the code.
  (func (export "trapping") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (i32.load (local.get 0)))
  ;; x64: "test edi,edi" "j" "mov eax,[r15+rdi]" "ret" "ud2"
)
