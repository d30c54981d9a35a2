(module
  ;;! config fuel epochs
  (func (param i32)
    (loop $l
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;;! has block0
  ;;! has epoch
  ;;! has block1
  ;;! has epoch
  ;;! has fuel 5
  ;;! count 1 fuel
)
