;;! inlining = "n"
(module
  (type $s (struct (field $n (mut i32)) (field $next (mut (ref null $s)))))
  (type $final (sub final (struct (field i64))))
  (type $open (sub (struct (field i64))))
  (func $other)

  ;; The heap's base and the reference are one address.
  (func (export "get") (param (ref null $s)) (result i32)
    (struct.get $s $n (local.get 0)))
  ;; x64: "test edi,edi" "mov rax,[r14]" "mov rax,[rax+30h]" "mov eax,[rax+rdi+4]" "ret" !"push"

  ;; A reference waits for a call in the frame, and comes back from there: it may have changed.
  (func (export "across") (param (ref null $s)) (result (ref null $s))
    (call $other)
    (local.get 0))
  ;; x64: "mov [rsp" "call" "mov rax,[rsp" "ret" !"rbx"

  ;; A number stays in its register.
  (func (export "number") (param i64) (result i64)
    (call $other)
    (local.get 0))
  ;; x64: "mov rbx,rdi" "call" "mov rax,rbx" "ret"

  ;; A small object takes what the heap has left; the routine is away from the rest.
  (func (export "make") (param i32) (result (ref $s))
    (struct.new $s (local.get 0) (ref.null $s)))
  ;; x64: "mov rax,[r11+38h]" "lea rdx,[rax+10h]" "cmp rdx,[r11+40h]" "ja" "mov [r11+38h],rdx" "ret" "call"

  ;; A type that nothing extends is one comparison.
  (func (export "is") (param anyref) (result i32) (ref.test (ref $final) (local.get 0)))
  ;; x64: "test edi,edi" "test edi,3" "cmp" "sete" "ret" !"jbe"
  (func (export "extends") (param anyref) (result i32) (ref.test (ref $open) (local.get 0)))
  ;; x64: "test edi,edi" "cmp" "je" "jbe" "cmp" "sete" "ret"
)
