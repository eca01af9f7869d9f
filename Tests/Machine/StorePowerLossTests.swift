import Glibc
import HostSystem
import TestSupport
import Testing

extension LinuxGuestTests {
  /// A commit that was acknowledged is there after any loss of power, on a real file system of a real kernel; stock Git finds
  /// nothing wrong before and after the store is opened again, and opening it is all that it needs.
  ///
  /// One run is recorded, with all that happens to a repository (`store-writer work`). Then the power fails as often as one
  /// likes, at any place of the disk's log of writes and flushes; a second machine mounts what is left.
  @Suite struct StorePowerLossTests {
    /// How the file system is mounted: as by default, and with nothing that saves programs that forgot to sync.
    enum Mounting: String, CaseIterable {
      case usual = "data=ordered"
      case harsh = "data=writeback,noauto_da_alloc,commit=60"
    }

    /// Both object formats and both mountings; one of each where there is little time.
    private static let cases: [(String, Mounting)] =
      Soak.isOn ? [("sha1", .usual), ("sha1", .harsh), ("sha256", .usual)] : [("sha256", .harsh)]

    @Test(arguments: cases) func whatWasAcknowledgedIsThere(format: String, mounting: Mounting) throws {
      let seed = Soak.seed(1)
      var random = SeededGenerator(seed)
      let disk = try LoggedDisk(megabytes: 48, blockSize: 4_096)
      try record(on: disk, format, mounting, seed)
      let log = try disk.entries()
      let promises = try StorePromise.all(in: log, of: disk)
      let first = try #require(promises.first)
      try #require(promises.count > 25)

      var images = StoreImages(of: disk, log, promises, mountOptions: mounting.rawValue)
      for cut in cuts(of: log, after: first.time, &random, promises) { images.add(cut, &random) }
      // The same without the flush before the promise: this test would see that it is not there.
      images.addWithoutLastFlush(before: first.time)
      let problems = try images.check()
      #expect(
        problems.last.flatMap(\.self)?.contains("is lost") == true, "a missing flush is not seen: \(problems.last!)")
      for (cut, problem) in zip(images.cuts, problems).dropLast() where problem != nil {
        Issue.record("\(problem!)\npower lost after \(cut) of \(log.count) writes, seed \(seed)")
      }
    }

    /// Where the power is lost: right after a promise, at a flush, and anywhere; in a soak, before and after each of many
    /// flushes.
    private func cuts(
      of log: [LoggedDisk.Entry], after first: Int, _ random: inout SeededGenerator, _ promises: [StorePromise]
    ) -> [Int] {
      let flushes = log.indices.filter { $0 > first && log[$0].isFlush }
      if Soak.isOn { return flushes.shuffled(using: &random).prefix(Self.soakFlushes).flatMap { [$0, $0 + 1] } }
      return [
        promises.randomElement(using: &random)!.time, flushes.randomElement(using: &random)!,
        Int.random(in: first...log.count, using: &random),
      ]
    }

    /// So many that a case takes a quarter of an hour.
    private static let soakFlushes = 60

    private func record(on disk: LoggedDisk, _ format: String, _ mounting: Mounting, _ seed: UInt64) throws {
      let writer = LinuxGuest.built("store-writer")
      let machine = try LinuxGuest(programs: [writer], disk: disk.arguments, seconds: 900)
      try machine.succeed("mkdir /mnt && mount -t ext4 -o \(mounting.rawValue) /dev/vda /mnt")
      let commits = Soak.count(3, soak: 30)
      let result = try machine.run(
        "\(writer) work /mnt/store.git \(format) \(seed) \(commits) /dev/vda \(disk.notes)", milliseconds: 800_000)
      try #require(result.isSuccess, "\(result.output)")
      try machine.hardware.cutPower()
    }
  }
}

/// What a machine noted on its disk that it had promised.
struct StorePromise {
  /// How many entries the log had then.
  var time: Int
  var branch: String
  /// The commit that the branch has from then on; `-`: there is no such branch, `?`: there may be one.
  var commit: String

  static func all(in log: [LoggedDisk.Entry], of disk: LoggedDisk) throws -> [StorePromise] {
    var promises: [StorePromise] = []
    for (index, entry) in log.enumerated() where entry.place >= disk.notes && !entry.isFlush {
      let text = String(decoding: try disk.bytes(of: entry).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
      let words = text.split(separator: " ").map(String.init)
      try #require(words.count == 3 && words[0] == "promised", "\(text)")
      promises.append(StorePromise(time: index + 1, branch: words[1], commit: words[2]))
    }
    return promises
  }
}
