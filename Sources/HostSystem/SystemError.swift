public import Glibc

/// A system call that failed: what was tried, and the kernel's reason.
public struct SystemError: Error, Equatable, Sendable {
  /// errno, e.g. `EACCES`.
  public var code: Int32
  /// What was being done, as a phrase that reads before a colon: `opening /var/lib/lares/leases`.
  public var attempt: String

  public init(_ attempt: String, code: Int32 = errno) {
    self.code = code
    self.attempt = attempt
  }
}

extension SystemError: CustomStringConvertible {
  /// `opening /var/lib/lares/leases: Permission denied`.
  public var description: String { "\(attempt): \(String(cString: strerror(code)))" }
}

/// Runs a system call that returns -1 on failure, again after EINTR. The one place that owns EINTR.
@discardableResult
public func systemCall<Result: SignedInteger>(
  _ attempt: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code != EINTR { throw SystemError(attempt(), code: code) }
  }
}

/// The same for calls on non-blocking descriptors: nil where it would block.
public func nonBlockingCall<Result: SignedInteger>(
  _ attempt: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result? {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code == EAGAIN || code == EWOULDBLOCK { return nil }
    if code != EINTR { throw SystemError(attempt(), code: code) }
  }
}
