import Glibc

/// A program started by this process (posix_spawn(3)).
public struct ChildProcess: Sendable {
  public let identifier: Int32

  /// How a program ended.
  public enum Ending: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// Starts a program, looked up in PATH where its name has no slash.
  ///
  /// - Parameters:
  ///   - environment: nil: this process's.
  ///   - descriptors: what becomes the child's 0, 1, 2 …; everything else is closed (close-on-exec). Nil entries are inherited.
  ///   - isForeground: stays in this process's group and so in the terminal's foreground; otherwise in a group of its own.
  public init(
    _ arguments: [String], environment: [String: String]? = nil, descriptors: [Int32?] = [],
    isForeground: Bool = false
  ) throws(SystemError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (index, descriptor) in descriptors.enumerated() {
      if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(index)) }
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The child starts with no signal blocked, whatever this process's event loop takes by signalfd.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let group = isForeground ? 0 : POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | group))
    var vector = arguments.map { strdup($0) } + [nil]
    var variables = environment.map { $0.map { strdup("\($0.key)=\($0.value)") } + [nil] }
    defer { for pointer in vector + (variables ?? []) { free(pointer) } }
    var identifier = pid_t()
    let code =
      if variables != nil {
        posix_spawnp(&identifier, arguments[0], &actions, &attributes, &vector, &variables!)
      } else {
        posix_spawnp(&identifier, arguments[0], &actions, &attributes, &vector, environ)
      }
    guard code == 0 else { throw SystemError("starting \(arguments[0])", code: code) }
    self.identifier = identifier
  }

  /// How it ended, or nil while it runs. Once it has ended, ask no more.
  public func poll() throws(SystemError) -> Ending? {
    var status: Int32 = 0
    let result = try systemCall("waiting for process \(identifier)") { waitpid(identifier, &status, WNOHANG) }
    return result == 0 ? nil : Self.ending(status)
  }

  /// Waits until it ends.
  public func wait() throws(SystemError) -> Ending {
    var status: Int32 = 0
    try systemCall("waiting for process \(identifier)") { waitpid(identifier, &status, 0) }
    return Self.ending(status)
  }

  public func send(_ signal: Int32) { kill(identifier, signal) }

  private static func ending(_ status: Int32) -> Ending {
    let signal = status & 0x7f
    return signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
  }
}

/// A program run to its end.
public struct CommandResult: Sendable {
  public var ending: ChildProcess.Ending
  /// What it wrote to standard output and standard error together.
  public var output: String
  public var isSuccess: Bool { ending == .exited(0) }
}

/// Runs a program to its end and takes what it wrote.
public func runCommand(_ arguments: [String], environment: [String: String]? = nil) throws(SystemError) -> CommandResult
{
  let pipe = try Pipe()
  let null = try Descriptor(opening: "/dev/null", O_RDONLY)
  let output = pipe.writing.number
  let child = try ChildProcess(arguments, environment: environment, descriptors: [null.number, output, output])
  let bytes = try pipe.keepingReading().readToEnd(of: arguments[0])
  return CommandResult(ending: try child.wait(), output: String(decoding: bytes, as: UTF8.self))
}
