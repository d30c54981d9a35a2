(module
  ;; What lies below the memory's smallest size needs no check and cannot trap.
  (memory 1)
  (func (param i32) (result i32)
    (i32.add
      (i32.load (i32.const 1024))
      (i32.load offset=64 (i32.and (local.get 0) (i32.const 0xff)))))
  ;;! body 0
  ;;! has i32.load 1024i32 safe
  ;;! has i32.load v4+64 safe
  ;; Exactly up to the end, and not one byte further.
  (func (param i32) (result i32)
    (i32.store8 offset=65535 (i32.const 0) (i32.load8_u offset=65534 (i32.and (local.get 0) (i32.const 1))))
    (i32.load16_u offset=65535 (i32.const 0)))
  ;;! body 1
  ;;! has i32.load8_u v3+65534 safe
  ;;! has i32.store8 0i32+65535
  ;;! not i32.load16_u 0i32+65535 safe
  ;; A load that is safe leaves a loop that writes no memory, even if it is not always reached.
  (func (param i32)
    (loop
      (if (local.get 0) (then (global.set $g (i32.load (i32.const 16)))))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if 0 (local.get 0))))
  (global $g (mut i32) (i32.const 0))
  ;;! body 2
  ;;! has i32.load 16i32 safe
  ;;! has jump block1
)
