import Glibc
import HostSystem
import TestSupport
import Testing

/// Disks that have lost their power, each with a store, for a machine that looks at all of them.
struct StoreImages {
  /// As many as one machine gets at a time.
  private static let atOnce = 40
  private static let writer = LinuxGuest.built("store-writer")
  private static let check = "/usr/sbin/e2fsck"
  private static let git = "git --git-dir=/mnt/store.git"
  private static let fsck = git + " fsck --strict --no-dangling"

  /// How many entries of the log each has.
  private(set) var cuts: [Int] = []
  private var seeds: [UInt64?] = []
  private let disk: LoggedDisk
  private let log: [LoggedDisk.Entry]
  private let promises: [StorePromise]
  private let mountOptions: String

  init(of disk: LoggedDisk, _ log: [LoggedDisk.Entry], _ promises: [StorePromise], mountOptions: String) {
    self.disk = disk
    self.log = log
    self.promises = promises
    self.mountOptions = mountOptions
  }

  /// The disk after a loss of power at this place of the log; what nobody waited for is there, absent or torn.
  mutating func add(_ cut: Int, _ random: inout SeededGenerator) {
    cuts.append(cut)
    seeds.append(random.next())
  }

  /// The disk at this place of the log, had the last flush before it not been.
  mutating func addWithoutLastFlush(before cut: Int) {
    cuts.append(cut)
    seeds.append(nil)
  }

  /// What is wrong with each: nil where nothing is.
  func check() throws -> [String?] {
    try stride(from: 0, to: cuts.count, by: Self.atOnce).flatMap { start in
      try check(start..<min(start + Self.atOnce, cuts.count))
    }
  }

  private func check(_ range: Range<Int>) throws -> [String?] {
    let folder = try TemporaryFolder()
    return try withExtendedLifetime(folder) {
      let file = folder.path + "/disks"
      for (place, index) in range.enumerated() { try write(index, to: file, at: place * disk.size) }
      let machine = try LinuxGuest(
        programs: ["git", Self.check, Self.writer],
        disk: ["-drive", "if=virtio,format=raw,cache=unsafe,file=\(file)"], seconds: 60 + 30 * range.count)
      try machine.succeed("modprobe loop && mkdir /mnt")
      return try range.enumerated().map { place, index in
        try machine.succeed("losetup -o \(place * disk.size) /dev/loop0 /dev/vda")
        try mount(on: machine, cuts[index])
        defer { _ = try? machine.succeed("umount /mnt && losetup -d /dev/loop0") }
        return try problem(on: machine, at: cuts[index])
      }
    }
  }

  /// The kernel replays the file system's journal. It refuses some file systems with torn blocks that the journal has too;
  /// those are put right as any machine does at its start, which asks nobody anything.
  private func mount(on machine: LinuxGuest, _ cut: Int) throws {
    let mount = "mount -t ext4 -o \(mountOptions) /dev/loop0 /mnt"
    guard try !machine.run(mount).isSuccess else { return }
    let check = try machine.run("\(Self.check) -p /dev/loop0")
    let kernel = try machine.run("dmesg | tail -n 5")
    try #require(check.status <= 1, "power lost after \(cut): \(check.output)\(kernel.output)")
    try machine.succeed(mount)
  }

  private func write(_ index: Int, to file: String, at offset: Int) throws {
    guard let seed = seeds[index] else {
      let flush = log[..<cuts[index]].lastIndex(where: \.isFlush) ?? 0
      return try disk.writeImage(after: log[..<flush], to: file, at: offset) { Array(repeating: false, count: $0) }
    }
    var random = SeededGenerator(seed)
    try disk.writeImage(after: log[..<cuts[index]], to: file, at: offset) { LoggedDisk.torn($0, using: &random) }
  }

  private func problem(on machine: LinuxGuest, at cut: Int) throws -> String? {
    let before = try machine.run(Self.fsck)
    guard Self.isClean(before) else { return "git fsck before the store is opened: \(before.output)" }
    let shown = try machine.run("\(Self.writer) show /mnt/store.git")
    guard shown.isSuccess else { return "opening the store: \(shown.output)" }
    let after = try machine.run(Self.fsck)
    guard Self.isClean(after) else { return "git fsck after the store was opened: \(after.output)" }
    return try broken(on: machine, at: cut)
  }

  /// Stock Git remarks on a HEAD without a commit.
  private static func isClean(_ answer: LinuxGuest.Answer) -> Bool {
    answer.isSuccess && answer.output.split(separator: "\n").allSatisfy { $0.hasPrefix("notice: ") }
  }

  /// A promise that was not kept.
  private func broken(on machine: LinuxGuest, at cut: Int) throws -> String? {
    let references = try machine.succeed(
      "\(Self.git) for-each-ref --format='%(refname:short) %(objectname)' refs/heads")
    var heads: [String: String] = [:]
    for line in references.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      heads[words[0]] = words[1]
    }
    var histories: [String: Set<Substring>] = [:]
    for name in heads.keys where !name.contains("/") {
      histories[name] = Set(try machine.succeed("\(Self.git) rev-list \(name)").split(separator: "\n"))
    }
    let made = promises.filter { $0.time <= cut }
    for promise in made where !promise.branch.contains("/") {
      guard histories[promise.branch]?.contains(promise.commit[...]) == true else {
        return "\(promise.commit) of \(promise.branch), promised at \(promise.time), is lost"
      }
    }
    for promise in Dictionary(made.map { ($0.branch, $0) }, uniquingKeysWith: { $1 }).values
    where promise.branch.contains("/") && promise.commit != "?" {
      guard heads[promise.branch] ?? "-" == promise.commit else {
        return "\(promise.branch) is at \(heads[promise.branch] ?? "-"), and \(promise.commit) was promised"
      }
    }
    return nil
  }
}
