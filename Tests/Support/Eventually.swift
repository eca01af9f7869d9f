import Glibc

/// Waits for what comes about in its own time: looks, and looks again after a pause, until it has been seen.
///
/// It ends as soon as it has, so a limit that a loaded machine keeps too costs nothing.
///
/// - Parameters:
///   - limit: how long to go on; at least one look is taken.
///   - pause: between two looks.
/// - Returns: whether it was seen.
public func eventually(
  within limit: Duration = .seconds(60), every pause: Duration = .milliseconds(10), _ isSeen: () throws -> Bool
) rethrows -> Bool {
  let end = ContinuousClock.now + limit
  while try !isSeen() {
    guard ContinuousClock.now < end else { return false }
    usleep(useconds_t(pause / .microseconds(1)))
  }
  return true
}

/// The same where others may use the thread meanwhile.
public func eventually(
  within limit: Duration = .seconds(60), every pause: Duration = .milliseconds(10), _ isSeen: () throws -> Bool
) async throws -> Bool {
  let end = ContinuousClock.now + limit
  while try !isSeen() {
    guard ContinuousClock.now < end else { return false }
    try await Task.sleep(for: pause)
  }
  return true
}
