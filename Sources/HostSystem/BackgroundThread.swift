import Glibc

/// A thread that runs one function. It is waited for when this goes: tell the function to end before.
public final class BackgroundThread: @unchecked Sendable {
  private var thread = pthread_t()

  /// - Throws: `SystemError` where the system has no room for a further thread.
  public init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let argument = Unmanaged.passRetained(Body(run: body))
    let code = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    guard code == 0 else {
      argument.release()
      throw SystemError("starting a thread", code: code)
    }
  }

  /// A thread that drops the last reference to itself cannot wait for its own end.
  deinit {
    if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
  }

  private final class Body {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
  }
}
