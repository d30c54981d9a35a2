;; Objects: what is checked, what is read once, what a collection changes.
(module
  ;;! config references calls
  (type $pair (struct (field $first (mut i32)) (field $next (mut (ref null $pair))) (field $fixed i64)))
  (type $bytes (array (mut i8)))
  (type $leaf (sub final (struct (field i32))))
  (type $open (sub (struct (field i32))))
  (func $other)
  ;; A field that is read twice is checked and read once; the heap's base is read once for both fields.
  (func (param (ref null $pair)) (result i32)
    (i32.add (struct.get $pair $first (local.get 0))
      (i32.add (struct.get $pair $first (local.get 0)) (i32.wrap_i64 (struct.get $pair $fixed (local.get 0))))))
  ;;! body 1
  ;;! has ref.is_null v0
  ;;! count 1 trapnz
  ;;! count 1 heap_space
  ;;! count 1 i32.load
  ;;! count 1 i64.load
  ;; After a call the object may be elsewhere; what never changes is still known.
  (func (param (ref null $pair)) (result i64)
    (i64.add (struct.get $pair $fixed (local.get 0))
      (block (result i64)
        (call $other)
        (i64.add (struct.get $pair $fixed (local.get 0)) (i64.extend_i32_s (struct.get $pair $first (local.get 0)))))))
  ;;! body 2
  ;;! count 1 trapnz
  ;;! count 2 heap_space
  ;;! count 1 i64.load
  ;;! count 1 i32.load
  ;; What was stored is known, and a new object has changed no other.
  (func (param (ref $pair) i32) (result i32)
    (struct.set $pair $first (local.get 0) (local.get 1))
    (struct.set $pair $next (local.get 0) (struct.new $pair (i32.const 1) (ref.null $pair) (i64.const 2)))
    (struct.get $pair $first (local.get 0)))
  ;;! body 3
  ;;! has heap.new(
  ;;! has ref.store
  ;;! not i32.load
  ;;! not ref.load
  ;; An element is compared with a length that is read once.
  (func (param (ref $bytes) i32) (result i32)
    (i32.add (array.get_s $bytes (local.get 0) (local.get 1)) (array.get_u $bytes (local.get 0) (i32.const 3))))
  ;;! body 4
  ;;! has i32.lt_u
  ;;! has i32.load8_s
  ;;! has +8 checked native object array
  ;;! has i32.gt_u
  ;;! count 1 +4 checked native object array
  ;; A cast of what was cast; an i31 needs no object.
  (func (param anyref) (result i32)
    (drop (ref.cast (ref $leaf) (local.get 0)))
    (struct.get $leaf 0 (ref.cast (ref $leaf) (local.get 0))))
  ;;! body 5
  ;;! count 1 ref.is v0, 
  ;;! count 1 trapz
  (func (param i32) (result i32) (i31.get_s (ref.i31 (local.get 0))))
  ;;! body 6
  ;;! not trapnz
  ;;! not heap
)
