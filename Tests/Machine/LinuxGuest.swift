import Glibc
import HostSystem
import Lab
import TestSupport
import Testing
import Wire

/// Tests on Debian's kernel in QEMU, one after another: each has a processor to itself for a while.
@Suite(.serialized) enum LinuxGuestTests {}

/// Debian's kernel under QEMU, with programs of this machine, for what the kernel here cannot do or may not suffer. A shell at the
/// other end of a socket does what the test says; its network card `eth0` is the test, as with any `Guest`.
final class LinuxGuest {
  let hardware: Guest
  private let shell: Descriptor
  private var output: [UInt8] = []

  /// What became of a command.
  struct Answer {
    var status: Int32
    /// What it wrote to standard output and standard error together.
    var output: String
    var isSuccess: Bool { status == 0 }
  }

  /// A program of this build, at the same path as here.
  static func built(_ name: String) -> String { File.folderName(of: Lab.executable) + "/" + name }

  static let lares = Lab.executable
  /// The tool that applies a configuration's interfaces once.
  static let interfaceManager = built("interface-manager")
  /// What a machine needs that is a router.
  static let router = [lares, interfaceManager]
  /// Ends what a command has printed.
  private static let mark = "=== ended with status "

  /// Boots, and returns when commands can be run.
  ///
  /// - Parameters:
  ///   - programs: what it has besides a shell's tools.
  ///   - disk: QEMU's arguments for /dev/vda.
  ///   - seconds: how long it lives at most.
  init(programs: [String] = LinuxGuest.router, disk: [String] = [], seconds: Int = 300) throws {
    let kernel = try Self.kernel
    let folder = try TemporaryFolder()
    let archive = folder.path + "/root"
    let result = try runCommand([Self.folder + "/make-root", kernel, archive, "busybox", "ip"] + programs)
    try #require(result.isSuccess, "make-root: \(result.output)")
    let shell = try SocketPair(SOCK_STREAM)
    hardware = try Guest(
      Self.command(kernel: kernel, archive: archive) + disk, descriptors: [shell.theirs.number],
      seconds: seconds)
    self.shell = shell.ours
    // A machine that answers has read the archive, which goes with this function.
    _ = try withExtendedLifetime(folder) { try run("true", milliseconds: 120_000) }
  }

  /// Runs a line or several of sh(1), and takes what they print.
  ///
  /// - Parameter milliseconds: how long they may be silent.
  func run(_ command: String, milliseconds: Int32 = 30_000) throws -> Answer {
    try shell.writeAll(Array("(\n\(command)\n) </dev/null\necho \"\(Self.mark)$?.\"\n".utf8), to: "the machine's shell")
    guard let output = try read(to: Self.mark, milliseconds),
      let status = try read(to: ".\n", milliseconds).flatMap({ Int32($0) })
    else {
      throw LabError(
        "no answer to `\(command)`: \(String(decoding: output, as: UTF8.self))\n\(try hardware.consoleSoFar())")
    }
    return Answer(status: status, output: output)
  }

  /// Runs a line or several of sh(1) and throws, with their output, unless the last succeeds.
  @discardableResult
  func succeed(_ command: String) throws -> String {
    let result = try run(command)
    guard result.isSuccess else { throw LabError("`\(command)` failed: \(result.output)") }
    return result.output
  }

  /// Waits until `condition` holds, asking every 200 ms.
  func wait(for what: String, seconds: Int = 90, until condition: () throws -> Bool) throws {
    let end = Clock.now.advanced(milliseconds: Int64(seconds) * 1_000)
    while try !condition() {
      guard Clock.now < end else {
        throw LabError("waited \(seconds) s in vain for \(what)\n\(try run("cat /run/router.log").output)")
      }
      usleep(200_000)
    }
  }

  /// What the shell prints up to `mark`, which is taken off with it; nil where it is silent too long or ends.
  private func read(to mark: String, _ milliseconds: Int32) throws -> String? {
    let mark = Array(mark.utf8)
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      if let range = output.firstRange(of: mark) {
        defer { output.removeSubrange(..<range.upperBound) }
        return String(decoding: output[..<range.lowerBound], as: UTF8.self)
      }
      guard try Guest.waitForInput(shell, milliseconds) else { return nil }
      let count = try systemCall("reading from the machine's shell") { Glibc.read(shell.number, &chunk, chunk.count) }
      if count == 0 { return nil }
      output += chunk[..<count]
    }
  }

  private static let folder = File.folderName(of: #filePath) + "/Linux"

  /// The folder that `make test` has unpacked the kernel to.
  private static var kernel: String {
    get throws {
      let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
      let path = "/\(root)/.build/kernel"
      try #require(
        access(path + "/vmlinuz", R_OK) == 0,
        "\(path) is missing: run `scripts/unpack-kernel linux-image-cloud-amd64 .build/kernel` first")
      return path
    }
  }

  /// The kernel trusts neither the clock nor the interrupts of an emulated processor unless told how.
  private static func command(kernel: String, archive: String) -> [String] {
    [
      "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "512", "-nodefaults",
      "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
      "-device", "virtio-net-pci,netdev=net0,mac=02:00:00:00:02:02,romfile=",
      "-device", "virtio-serial-pci", "-chardev", "socket,id=shell,fd=4", "-device", "virtserialport,chardev=shell",
      "-kernel", kernel + "/vmlinuz", "-initrd", archive,
      "-append", "console=ttyS0 loglevel=4 panic=-1 mitigations=off no_timer_check tsc=unstable",
    ]
  }
}
