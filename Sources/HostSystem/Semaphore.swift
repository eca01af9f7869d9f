import Glibc

/// Lets one thread wait for another (sem_init(3)).
public final class Semaphore: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  public init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Waits for a signal that nobody else has taken yet.
  public func wait() { while sem_wait(semaphore) != 0 {} }

  public func signal() { sem_post(semaphore) }
}
