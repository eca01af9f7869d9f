import HostSystem

/// A value that one thread at a time may look at or change, and at which threads can wait until another has changed it.
///
/// Not `Synchronization.Mutex`, whose lock on Linux goes to the thread that waits longest (FUTEX_LOCK_PI): many writers
/// with short turns would fall into step, each turn with a switch of threads.
final class Guarded<Value>: @unchecked Sendable {
  private let monitor = Monitor()
  // Not a property: the lock sees to it that one thread at a time has it, and checking that once more costs as much.
  private let value: UnsafeMutablePointer<Value>

  init(_ value: sending Value) {
    self.value = .allocate(capacity: 1)
    self.value.initialize(to: value)
  }

  deinit {
    value.deinitialize(count: 1)
    value.deallocate()
  }

  func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
    try monitor.withLock { () throws(Failure) in try body(&value.pointee) }
  }

  /// Looks at the value, now and after each `notify`, until it gives an answer.
  func wait<Result>(for body: (inout Value) -> Result?) -> Result {
    monitor.withLock {
      while true {
        if let result = body(&value.pointee) { return result }
        monitor.wait()
      }
    }
  }

  /// Lets those that wait look again.
  func notify() { monitor.wakeAll() }
}
