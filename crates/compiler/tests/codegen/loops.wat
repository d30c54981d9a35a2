(module
  (memory 1)

  ;; A loop that tests at its head is turned: one jump a round.
  (func (export "while") (param $p i32) (result i32)
    (block $out
      (loop $again
        (br_if $out (i32.eqz (i32.load8_u (local.get $p))))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br $again)))
    (local.get $p))
  ;; x64: "jmp" "nop" "lea edi,[rdi+1]" "byte ptr" "jne short" "ret"

  ;; The test of an old count becomes one of the new count, which then has the same register.
  (func (export "until-old") (param $p i32)
    (local $i i32)
    (loop $again
      (i32.store8 (i32.add (local.get $p) (local.get $i)) (i32.const 7))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.ne (i32.sub (local.get $i) (i32.const 1)) (i32.const 8192)))))
  ;; x64: "mov byte ptr" "cmp" "jne" 

  (func (export "count-down") (param $n i32) (result i32)
    (local $sum i32) (local $old i32)
    (loop $again
      (local.set $old (local.get $n))
      (local.set $sum (i32.xor (local.get $sum) (i32.load (local.get $n))))
      (local.set $n (i32.add (local.get $n) (i32.const -1)))
      (br_if $again (local.get $old)))
    (local.get $sum))
  ;; ir: "i32.ne" "-1i32"
  ;; x64: "cmp" "jne"

  ;; What only the way back needs is made there if its operand is needed elsewhere: it takes no register beside it.
  (func (export "find") (param $p i32) (param $what i32) (result i32)
    (local $here i32)
    (loop $again
      (local.set $here (local.get $p))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $again (i32.ne (i32.load (local.get $here)) (local.get $what))))
    (local.get $here))
  ;; ir: "i32.ne" "i32.add" "jump" "return"
  ;; x64: "jmp" "lea edi,[rdi+4]" "cmp esi,[r15+rdi]" "jne short" "mov rax,rdi" "ret"
)
