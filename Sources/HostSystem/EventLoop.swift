import CHostSystem
import Glibc
public import Wire

/// Waits for descriptors, timers and signals on one thread, and calls what was registered for them (epoll(7)).
///
/// An event loop and everything registered with it belong to the thread that made it.
public final class EventLoop {
  /// What a descriptor is ready for.
  public struct Events: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let readable = Events(rawValue: EPOLLIN.rawValue)
    public static let writable = Events(rawValue: EPOLLOUT.rawValue)
    /// The other side is gone, or the descriptor is in error; always reported.
    public static let closed = Events(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
  }

  /// A registered descriptor. It stays registered until `cancel()`, and must be cancelled before the descriptor is closed.
  public final class Watch {
    fileprivate weak var loop: EventLoop?
    public let descriptor: Int32
    fileprivate let handler: (Events) -> Void
    fileprivate var isActive = true

    fileprivate init(_ loop: EventLoop, _ descriptor: Int32, _ handler: @escaping (Events) -> Void) {
      self.loop = loop
      self.descriptor = descriptor
      self.handler = handler
    }

    /// Waits for other events from now on.
    public func change(to events: Events) {
      guard isActive, let loop else { return }
      var event = epoll_event(events: events.rawValue, data: epoll_data_t(fd: descriptor))
      epoll_ctl(loop.epoll.number, EPOLL_CTL_MOD, descriptor, &event)
    }

    public func cancel() {
      guard isActive, let loop else { return }
      isActive = false
      epoll_ctl(loop.epoll.number, EPOLL_CTL_DEL, descriptor, nil)
      if loop.watches[descriptor] === self { loop.watches[descriptor] = nil }
    }
  }

  /// A pending call. Dropping the reference does not cancel it.
  public final class Timer {
    fileprivate let deadline: Instant
    fileprivate let order: UInt64
    fileprivate var body: (() -> Void)?

    fileprivate init(_ deadline: Instant, _ order: UInt64, _ body: @escaping () -> Void) {
      self.deadline = deadline
      self.order = order
      self.body = body
    }

    public func cancel() { body = nil }
  }

  private let epoll: Descriptor
  private var watches: [Int32: Watch] = [:]
  private var timers: [Timer] = []
  private var timersMade: UInt64 = 0
  private var isStopped = false
  private var signalDescriptor: Int32?
  /// Room for the kernel's answer, made once; empty while a handler runs the loop again from inside.
  private var eventRoom = [epoll_event](repeating: epoll_event(), count: 64)

  public init() throws(SystemError) {
    epoll = Descriptor(owning: try systemCall("making an epoll instance") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
  }

  deinit { if let signalDescriptor { close(signalDescriptor) } }

  /// Calls `handler` whenever `descriptor` is ready (level-triggered).
  @discardableResult
  public func watch(
    _ descriptor: Int32, for events: Events = .readable, _ handler: @escaping (Events) -> Void
  ) throws(SystemError) -> Watch {
    let watch = Watch(self, descriptor, handler)
    var event = epoll_event(events: events.rawValue, data: epoll_data_t(fd: descriptor))
    try systemCall("watching descriptor \(descriptor)") {
      epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event)
    }
    watches[descriptor] = watch
    return watch
  }

  /// Calls `body` once, at `deadline` or as soon as possible after it; in order of the deadlines.
  @discardableResult
  public func schedule(at deadline: Instant, _ body: @escaping () -> Void) -> Timer {
    timersMade += 1
    let timer = Timer(deadline, timersMade, body)
    let index = timers.partitioningIndex { ($0.deadline, $0.order) < (timer.deadline, timer.order) }
    timers.insert(timer, at: index)
    return timer
  }

  /// Calls `body` once after `milliseconds`.
  @discardableResult
  public func schedule(afterMilliseconds milliseconds: Int64, _ body: @escaping () -> Void) -> Timer {
    schedule(at: Clock.now.advanced(milliseconds: milliseconds), body)
  }

  /// Blocks the signals for this thread and calls `handler` for each that arrives (signalfd(2)). At most once per loop.
  public func handleSignals(_ signals: [Int32], _ handler: @escaping (Int32) -> Void) throws(SystemError) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = try systemCall("making a signalfd") { signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) }
    signalDescriptor = descriptor
    try watch(descriptor) { _ in
      var info = signalfd_siginfo()
      while read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
        handler(Int32(info.ssi_signo))
      }
    }
  }

  /// Serves until `stop()`.
  public func run() throws(SystemError) {
    isStopped = false
    while !isStopped { try runOnce() }
  }

  /// Ends `run()` after the handlers that are due now.
  public func stop() { isStopped = true }

  /// Waits for the next event or timer, at most `limitMilliseconds`, and handles what is due.
  public func runOnce(limitMilliseconds limit: Int64 = 60_000) throws(SystemError) {
    var events: [epoll_event] = []
    swap(&events, &eventRoom)
    if events.isEmpty { events = [epoll_event](repeating: epoll_event(), count: 64) }
    defer { swap(&events, &eventRoom) }
    let wait = Int32(min(max(millisecondsToNextTimer ?? limit, 0), limit))
    let ready: Int32
    do {
      ready = try systemCall("waiting for events") { epoll_wait(epoll.number, &events, Int32(events.count), wait) }
    }
    for event in events.prefix(Int(ready)) {
      // A handler may have cancelled a later one of the same batch.
      guard let watch = watches[event.data.fd], watch.isActive else { continue }
      watch.handler(Events(rawValue: event.events))
    }
    let now = Clock.now
    while let timer = timers.last, timer.deadline <= now {
      timers.removeLast()
      timer.body?()
    }
  }

  /// Rounded up, so that a timer is never early.
  private var millisecondsToNextTimer: Int64? {
    while let timer = timers.last, timer.body == nil { timers.removeLast() }
    guard let timer = timers.last else { return nil }
    return (timer.deadline.nanoseconds - Clock.now.nanoseconds + 999_999) / 1_000_000
  }
}

extension [EventLoop.Timer] {
  /// The timers are kept latest first, so that the next one is cheap to take: the index where one that is
  /// earlier than all before it belongs.
  fileprivate func partitioningIndex(where isEarlier: (EventLoop.Timer) -> Bool) -> Int {
    var range = startIndex..<endIndex
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range = isEarlier(self[middle]) ? range.lowerBound..<middle : middle + 1..<range.upperBound
    }
    return range.lowerBound
  }
}
