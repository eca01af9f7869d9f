public import ArgumentParser
import Glibc
import HostSystem

/// Where a passphrase comes from. It never stands in an argument, which everybody on the machine can read.
public struct PassphraseOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Read the passphrase from the first line of this file.", valueName: "path"))
  var passphraseFile: String?
  @Option(
    name: .customLong("passphrase-fd"),
    help: ArgumentHelp(
      "Read it from the first line of this open descriptor.", discussion: "Default: it is asked for on the terminal.",
      valueName: "number"))
  var passphraseDescriptor: Int32?

  private static let mostBytes = 4_096

  public init() {}

  public func validate() throws {
    if passphraseFile != nil, passphraseDescriptor != nil {
      throw ValidationError("--passphrase-file and --passphrase-fd exclude each other")
    }
  }

  /// - Parameter isNew: it is asked for twice on a terminal, for a mistake would make the backup worthless.
  public func read(isNew: Bool) throws -> [UInt8] {
    let line: [UInt8]
    if let passphraseFile {
      let file = try Descriptor(opening: passphraseFile, O_RDONLY)
      line = try Self.firstLine(of: file)
    } else if let passphraseDescriptor {
      // Whoever opened it closes it, but ours is a copy.
      let own = try systemCall("using descriptor \(passphraseDescriptor)") {
        fcntl(passphraseDescriptor, F_DUPFD_CLOEXEC, 0)
      }
      line = try Self.firstLine(of: Descriptor(owning: own))
    } else {
      line = try Self.ask("Passphrase of the backup: ")
      if isNew, try Self.ask("The same again: ") != line {
        throw CommandFailure(.failed, "the two passphrases differ; nothing was written")
      }
    }
    guard !line.isEmpty else { throw CommandFailure(.failed, "the passphrase is empty") }
    return line
  }

  /// Byte by byte: what follows in a pipe is somebody else's.
  private static func firstLine(of file: borrowing Descriptor) throws -> [UInt8] {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while try systemCall("reading the passphrase", { Glibc.read(file.number, &byte, 1) }) == 1 {
      if byte == UInt8(ascii: "\n") { break }
      guard line.count < mostBytes else { throw CommandFailure(.failed, "the passphrase is too long") }
      line.append(byte)
    }
    return line
  }

  private static func ask(_ question: String) throws -> [UInt8] {
    guard let terminal = try? Descriptor(opening: "/dev/tty", O_RDWR) else {
      throw CommandFailure(
        .failed, "there is no terminal to ask for the passphrase; use --passphrase-file or --passphrase-fd")
    }
    var before = termios()
    try systemCall("reading the terminal's settings") { tcgetattr(terminal.number, &before) }
    var quiet = before
    // Also no signals: a process that is ended would leave the terminal so.
    quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
    try systemCall("switching the echo off") { tcsetattr(terminal.number, TCSAFLUSH, &quiet) }
    defer {
      tcsetattr(terminal.number, TCSAFLUSH, &before)
      _ = write(terminal.number, "\n", 1)
    }
    try terminal.writeAll(Array(question.utf8), to: "/dev/tty")
    let line = try firstLine(of: terminal)
    // What Control-C and Control-\ send.
    guard !line.contains(3), !line.contains(28) else { throw CommandFailure(.failed, "given up") }
    return line
  }
}

/// Asks on the terminal whether to go on.
enum Confirmation {
  /// - Throws: where the answer is not `yes`, or nobody can be asked.
  static func ask(_ question: String) throws {
    guard isatty(STDIN_FILENO) == 1 else {
      throw CommandFailure(
        .failed, "nobody can be asked whether that is wanted; say --yes, or look first with --dry-run")
    }
    printWarning("\(question) Type yes to go on:")
    guard readLine(strippingNewline: true) == "yes" else { throw CommandFailure(.failed, "nothing was changed") }
  }
}
