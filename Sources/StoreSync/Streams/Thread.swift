import Glibc
import HostSystem
import VersionedStore

/// One end of a conversation on a thread of its own.
final class Thread: Sendable {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private let handle: pthread_t

  init(_ body: @escaping @Sendable () -> Void) throws(StoreError) {
    var handle = pthread_t()
    let work = Unmanaged.passRetained(Work(body))
    let code = pthread_create(
      &handle, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw .system(SystemError("starting a thread", code: code))
    }
    self.handle = handle
  }

  /// Nobody waits for it.
  func detach() { pthread_detach(handle) }

  /// Waits until its work is done. Once only.
  func join() { pthread_join(handle, nil) }
}

/// Two ends of one connection within this machine.
struct SocketPair: ~Copyable {
  let ours: Descriptor
  let theirs: Descriptor

  init() throws(StoreError) {
    var ends: [Int32] = [0, 0]
    do {
      try systemCall("making a pair of sockets") {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
      }
    } catch {
      throw .system(error)
    }
    ours = Descriptor(owning: ends[0])
    theirs = Descriptor(owning: ends[1])
  }

  /// Both ends, with an owner each.
  consuming func split() -> (ours: Int32, theirs: Int32) { (ours.release(), theirs.release()) }
}
