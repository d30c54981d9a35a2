;; As Asyncify writes functions: what has to be restored is zero otherwise, and every call is followed by a look at the state.
(module
  (type $t (func (param i32) (result i32)))
  (import "" "" (func $other (param i32 i32 i32 i32 i32)))
  (table 4 funcref)
  (memory 1)
  (global $state (mut i32) (i32.const 0))

  ;; Zeros are made where they are passed on, and only there.
  (func (export "zeros") (param $p i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32)
    (if (i32.eq (global.get $state) (i32.const 2))
      (then
        (local.set $a (i32.load offset=4 (local.get $p)))
        (local.set $b (i32.load offset=8 (local.get $p)))
        (local.set $c (i32.load offset=12 (local.get $p)))
        (local.set $d (i32.load offset=16 (local.get $p)))
        (local.set $e (i32.load offset=20 (local.get $p)))))
    (call $other (local.get $a) (local.get $b) (local.get $c) (local.get $d) (local.get $e)))
  ;; x64: "cmp" "je" "mov edi,0" "mov esi,0" "mov edx,0" "mov ecx,0" "mov eax,0" "jmp" !"xor"
  ;; aarch64: "cmp" "b.eq" "mov x0, #0x0" "mov x4, #0x0" "mov x3, #0x0" "mov x2, #0x0" "mov x1, #0x0" "b "

  ;; What both branches of the loop want from outside is fetched once.
  (func (export "twins") (param $i i32) (param $n i32) (result i32)
    (loop $again
      (if (i32.and (local.get $i) (i32.const 1))
        (then (local.set $i (call_indirect (type $t) (i32.add (local.get $i) (i32.const 3)) (local.get $i))))
        (else (local.set $i (call_indirect (type $t) (local.get $i) (local.get $i)))))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))
  ;; ir: "block0" "ctx.load.i64" "ctx.load.i32" "jump block1"
)
