// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {NetworkTest} from "./base/NetworkTest.sol";
import {OutcomeModel} from "./model/OutcomeModel.sol";

/// @notice Every combination of what three nodes can do, through the contracts, against protocol §5 written out as a table
/// (OutcomeModel): state, reason, statuses, stakes, balances, refund, incentive pool, uploader and those after it.
contract OutcomeTableTest is NetworkTest {
    /// @dev What a node does. A, B, C: gives that result; 1, 2, 3: that error; `-`: nothing; `~`: commits and never
    /// reveals; `x`: reveals what it did not commit to, which is refused.
    bytes private constant MOVES = "ABC123-~x";

    bool private _text;
    uint256 private _images;
    uint256 private _differing; // the picture in which results differ
    bytes32 private _taskId;
    address[3] private _node;
    string private _name;

    function setUp() public override {
        super.setUp();
        addNodes(3);
        vm.pauseGasMetering(); // more than a test's gas
        vm.assertEq(FEE, OutcomeModel.FEE);
        vm.assertEq(STAKE, OutcomeModel.STAKE);
    }

    // ---- the table itself

    function test_TheTableHasOneRowForWhateverIsSaid() external pure {
        bytes memory words = "ABC123-";
        for (uint256 i = 0; i < 343; ++i) {
            bytes3 said = _letters(words, i);
            (, uint256 found) = OutcomeModel.find(said);
            vm.assertEq(found, 1, string(abi.encodePacked(said)));
        }
    }

    // ---- every combination

    function test_EveryCombination_Image() external {
        _everyCombination();
    }

    function test_EveryCombination_Text() external {
        _text = true;
        _everyCombination();
    }

    function _everyCombination() private {
        uint8[3][6] memory orders = OutcomeModel.permutations();
        uint256 cases;
        for (uint256 i = 0; i < 729; ++i) {
            bytes3 moves = _letters(MOVES, i);
            // Who commits first is to upload: all six orders where two pictures agree, else one.
            bool uploads =
                !_text && (_agree(moves[0], moves[1]) || _agree(moves[0], moves[2]) || _agree(moves[1], moves[2]));
            for (uint256 order = uploads ? 0 : i % 6; order < (uploads ? 6 : i % 6 + 1); ++order) {
                uint256 snapshot = vm.snapshotState();
                // Any number of pictures, and any of them the one in which results differ.
                _images = _text ? 0 : 1 + (i + order) % 10;
                if (!_text) _differing = i % _images;
                _name = string.concat(string(abi.encodePacked(moves)), " ", vm.toString(order));
                cases += this.checkCombination(moves, orders[order]);
                vm.revertToStateAndDelete(snapshot);
            }
        }
        print(_text ? "cases, text" : "cases, images", cases);
    }

    function _agree(bytes1 a, bytes1 b) private pure returns (bool) {
        return a == b && (a == "A" || a == "B" || a == "C");
    }

    /// @dev External only to give its memory back.
    function checkCombination(bytes3 moves, uint8[3] memory order) external returns (uint256 cases) {
        bytes3 said = _playLetters(moves, order);
        (OutcomeModel.Row memory row,) = OutcomeModel.find(said);
        OutcomeModel.Expected memory expected = OutcomeModel.verdict(row, order);
        _check(expected);
        if (expected.state == ITaskConsensus.State.AwaitingUpload) {
            // The first so many to upload are late; then one is in time.
            for (uint256 late = 0; late < expected.queued; ++late) {
                uint256 snapshot = vm.snapshotState();
                _checkUploads(abi.decode(abi.encode(expected), (OutcomeModel.Expected)), late);
                vm.revertToStateAndDelete(snapshot);
            }
            _checkNoUpload(expected);
            cases = expected.queued + 1;
        } else {
            cases = 1;
        }
        _checkEnded();
    }

    function _checkUploads(OutcomeModel.Expected memory expected, uint256 late) private {
        for (uint256 i = 0; i < late; ++i) {
            vm.warp(consensus.task(_taskId).uploadDeadline + 1);
            _assertUploadRefused(_node[expected.uploader], Errors.TaskConsensus_UploadDeadlinePassed.selector);
            consensus.advance(_taskId);
            OutcomeModel.miss(expected);
            _check(expected);
        }
        // Not by anyone else, whatever the relay signs, at any time.
        for (uint256 slot = 0; slot < 3; ++slot) {
            if (slot != expected.uploader) {
                _assertUploadRefused(_node[slot], Errors.TaskConsensus_NotUploader.selector);
            }
        }
        _assertUploadRefused(creator, Errors.TaskConsensus_NotUploader.selector);
        vm.warp(consensus.task(_taskId).uploadDeadline);
        upload(_taskId, "digest");
        OutcomeModel.upload(expected);
        _check(expected);
        _checkEnded();
    }

    function _checkNoUpload(OutcomeModel.Expected memory expected) private {
        while (expected.state == ITaskConsensus.State.AwaitingUpload) {
            vm.warp(consensus.task(_taskId).uploadDeadline + 1);
            consensus.advance(_taskId);
            OutcomeModel.miss(expected);
            _check(expected);
        }
    }

    /// @dev A task ends once.
    function _checkEnded() private {
        vm.warp(block.timestamp + 1 days);
        try consensus.advance(_taskId) {
            _equal(1, 0, "advanced after its end");
        } catch (bytes memory reason) {
            _assertReason(reason, Errors.TaskConsensus_NothingToAdvance.selector);
        }
        _assertUploadRefused(_node[0], Errors.TaskConsensus_WrongState.selector);
    }

    function _check(OutcomeModel.Expected memory expected) private view {
        ITaskConsensus.TaskView memory task = consensus.task(_taskId);
        _equal(uint256(task.state), uint256(expected.state), "state");
        _equal(uint256(task.abortReason), uint256(expected.reason), "reason");
        address uploader = expected.uploader == OutcomeModel.NOBODY ? address(0) : _node[expected.uploader];
        _equal(uint160(task.uploader), uint160(uploader), "uploader");
        uint256 members = 3;
        uint256 available;
        for (uint256 slot = 0; slot < 3; ++slot) {
            INodeRegistry.NodeView memory node = registry.node(_node[slot]);
            _equal(uint256(node.status), uint256(expected.status[slot]), "status");
            _equal(node.stakeWei, expected.stakeWei[slot], "stake");
            _equal(consensus.balanceOf(_node[slot]), expected.balanceWei[slot], "balance");
            if (expected.stakeWei[slot] == 0) --members;
            if (expected.status[slot] == INodeRegistry.Status.Available) ++available;
        }
        _equal(registry.memberCount(), members, "members");
        _equal(registry.availableCount(false, 0, 0), available, "available");
        _equal(consensus.balanceOf(creator), 1_000 ether - FEE + expected.refundWei, "refund");
        _equal(token.balanceOf(address(incentivePool)), expected.poolWei, "incentive pool");
        assertConserved(expected.escrowWei, "conserved");
    }

    /// @dev The message is made only when there is something to say: it costs more than all else here.
    function _equal(uint256 actual, uint256 expected, string memory what) private view {
        if (actual != expected) vm.assertEq(actual, expected, string.concat(_name, ": ", what));
    }

    // ---- playing letters

    function _letters(bytes memory alphabet, uint256 number) private pure returns (bytes3) {
        uint256 size = alphabet.length;
        return bytes3(
            abi.encodePacked(alphabet[number % size], alphabet[(number / size) % size], alphabet[number / size / size])
        );
    }

    /// @dev Plays a task until its verdict, with commits in this order and reveals in the reverse one.
    /// @return said What the three have said then, in the letters of OutcomeModel.
    function _playLetters(bytes3 moves, uint8[3] memory order) private returns (bytes3 said) {
        ITaskConsensus.TaskRequest memory request_ = _text ? textRequest() : request();
        request_.imageCount = uint8(_images);
        _taskId = start(request_);
        _node = drawn(_taskId);
        uint256 commitDeadline = consensus.task(_taskId).commitDeadline;
        bytes memory words = "---";

        uint256 commits;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 slot = order[i];
            if (moves[slot] == "-") continue;
            (uint8 outcome, bytes memory score) = _promise(moves[slot], slot);
            commit(_taskId, slot, outcome, score);
            words[slot] = ".";
            ++commits;
        }
        if (commits < 3) vm.warp(commitDeadline + 1);
        uint256 reveals;
        for (uint256 i = 3; i > 0; --i) {
            uint256 slot = order[i - 1];
            if (moves[slot] == "-") continue;
            (uint8 outcome, bytes memory score) = _promise(moves[slot], slot);
            if (commits < 2) {
                _assertRevealRefused(slot, outcome, score, Errors.TaskConsensus_RevealsNotOpen.selector);
                continue;
            }
            words[slot] = "-";
            if (moves[slot] == "x") {
                _assertRevealRefused(slot, 0, _score("B", slot), Errors.TaskConsensus_CommitmentMismatch.selector);
                _assertRevealRefused(slot, 1, "", Errors.TaskConsensus_CommitmentMismatch.selector);
            } else if (moves[slot] != "~") {
                reveal(_taskId, slot, outcome, score);
                words[slot] = moves[slot];
                ++reveals;
            }
        }
        if (commits < 2) {
            consensus.advance(_taskId);
        } else if (reveals < commits) {
            vm.warp(consensus.task(_taskId).revealDeadline + 1);
            consensus.advance(_taskId);
        }
        return bytes3(words);
    }

    /// @dev What a node that does `move` commits to.
    function _promise(bytes1 move, uint256 slot) private view returns (uint8 outcome, bytes memory score) {
        if (move == "1" || move == "2" || move == "3") return (uint8(move) - 0x30, "");
        return (0, _score(move == "B" || move == "C" ? move : bytes1("A"), slot));
    }

    /// @dev Texts that differ in one bit. Pictures that differ in one of `_images`; and from one node to the next two
    /// equal ones are four bits apart in every picture, which is as far as they may be.
    function _score(bytes1 letter, uint256 slot) private view returns (bytes memory score) {
        if (_text) {
            uint256 flip = letter == "B" ? 1 : letter == "C" ? 1 << 255 : 0;
            return abi.encode(uint256(keccak256("text")) ^ flip);
        }
        for (uint256 image = 0; image < _images; ++image) {
            bytes8 hash = bytes8(keccak256(abi.encode(image, image == _differing ? letter : bytes1("A"))));
            score = bytes.concat(score, hash ^ bytes8(uint64(3 << (2 * slot + 5 * image))));
        }
    }

    // ---- what is refused (and so changes nothing)

    function _assertRevealRefused(uint256 slot, uint8 outcome, bytes memory score, bytes4 error_) private {
        try this.revealAs(slot, outcome, score) {
            _equal(1, 0, "a reveal was not refused");
        } catch (bytes memory reason) {
            _assertReason(reason, error_);
        }
    }

    function revealAs(uint256 slot, uint8 outcome, bytes calldata score) external {
        reveal(_taskId, slot, outcome, score);
    }

    function _assertUploadRefused(address caller, bytes4 error_) private {
        bytes memory signature = receipt(RELAY_KEY, _taskId, "digest", 1_000, caller);
        vm.prank(caller);
        try consensus.reportUploaded(_taskId, "digest", 1_000, signature) {
            _equal(1, 0, "an upload was not refused");
        } catch (bytes memory reason) {
            _assertReason(reason, error_);
        }
    }

    function _assertReason(bytes memory reason, bytes4 error_) private view {
        _equal(uint32(bytes4(reason)), uint32(error_), "reason of a refusal");
    }

    // ---- near enough

    /// @dev In how many bits 0 differs from 1 and 2, 1 from 0 and 2, 2 from 0 and 1: three scores at given distances.
    /// Distances that decide are exactly 4 (agrees) and 5 (does not) where parity allows.
    struct Nearness {
        uint8 odd0;
        uint8 odd1;
        uint8 odd2;
        bytes3 said;
    }

    function _nearness() private pure returns (Nearness[8] memory) {
        return [
            Nearness(2, 2, 2, "AAA"), // 01: 4, 02: 4, 12: 4
            Nearness(1, 3, 2, "AAA"), // 01: 4, 02: 3, 12: 5: 0 is in the middle and joins all three
            Nearness(3, 1, 2, "AAA"), // 01: 4, 02: 5, 12: 3: 1 is in the middle
            Nearness(3, 2, 1, "AAA"), // 01: 5, 02: 4, 12: 3: 2 is in the middle
            Nearness(2, 2, 3, "AAB"), // 01: 4, 02: 5, 12: 5
            Nearness(2, 3, 2, "ABA"), // 01: 5, 02: 4, 12: 5
            Nearness(3, 2, 2, "ABB"), // 01: 5, 02: 5, 12: 4
            Nearness(3, 3, 2, "ABC") // 01: 6, 02: 5, 12: 5
        ];
    }

    /// @dev Three scores which in picture `image` are that near, and in all others 4 bits from one another.
    function _near(Nearness memory near, uint256 images, uint256 image) private pure returns (bytes[3] memory scores) {
        for (uint256 i = 0; i < images; ++i) {
            (uint256 odd0, uint256 odd1, uint256 odd2) =
                i == image ? (near.odd0, near.odd1, near.odd2) : (uint256(2), uint256(2), uint256(2));
            uint256 block_ = uint64(bytes8(keccak256(abi.encode(i))));
            uint256 shift = (i * 11) % 57;
            scores[0] = bytes.concat(scores[0], bytes8(uint64(block_ ^ _ones(odd0, 0, shift))));
            scores[1] = bytes.concat(scores[1], bytes8(uint64(block_ ^ _ones(odd1, odd0, shift))));
            scores[2] = bytes.concat(scores[2], bytes8(uint64(block_ ^ _ones(odd2, odd0 + odd1, shift))));
        }
    }

    /// @dev `count` ones, the first of them at bit `from`, turned left within 64 bits.
    function _ones(uint256 count, uint256 from, uint256 shift) private pure returns (uint256 bits) {
        for (uint256 i = 0; i < count; ++i) {
            bits |= 1 << ((from + i + shift) % 64);
        }
    }

    function test_NearAndFar_InEveryPictureOfEveryNumberOfPictures() external {
        Nearness[8] memory all = _nearness();
        uint256 cases;
        for (uint256 i = 0; i < 8; ++i) {
            (OutcomeModel.Row memory row,) = OutcomeModel.find(all[i].said);
            for (uint8 images = 1; images <= 10; ++images) {
                for (uint256 image = 0; image < images; ++image) {
                    uint256 snapshot = vm.snapshotState();
                    _name = string.concat(
                        string(abi.encodePacked(all[i].said)), " ", vm.toString(images), " ", vm.toString(image)
                    );
                    ITaskConsensus.TaskRequest memory request_ = request();
                    request_.imageCount = images;
                    _taskId = start(request_);
                    _node = drawn(_taskId);
                    this.checkNearness(row, _near(all[i], images, image));
                    vm.revertToStateAndDelete(snapshot);
                    ++cases;
                }
            }
        }
        print("cases, nearness", cases);
    }

    /// @dev External only to give its memory back.
    function checkNearness(OutcomeModel.Row memory row, bytes[3] memory scores) external {
        play(_taskId, result(scores[0]), result(scores[1]), result(scores[2]));
        for (uint256 slot = 0; slot < 3; ++slot) {
            vm.assertEq(consensus.task(_taskId).slots[slot].score, scores[slot]);
        }
        _check(OutcomeModel.verdict(row, [0, 1, 2]));
    }

    /// @dev Two pictures at each distance, the third node silent: for every threshold that the owner can set.
    function test_EveryThreshold() external {
        (OutcomeModel.Row memory agreeing,) = OutcomeModel.find("AA-");
        (OutcomeModel.Row memory differing,) = OutcomeModel.find("AB-");
        for (uint256 threshold = 1; threshold <= 16; ++threshold) {
            consensus.setHammingThreshold(threshold);
            for (uint256 distance = threshold - 1; distance <= threshold; ++distance) {
                uint256 snapshot = vm.snapshotState();
                _name = string.concat(vm.toString(distance), " bits, threshold ", vm.toString(threshold));
                _taskId = started();
                _node = drawn(_taskId);
                bytes memory other = bytes.concat(bytes8(bytes8(A) ^ bytes8(uint64(_ones(distance, 0, 60)))));
                play(_taskId, result(A), result(other), silent());
                _check(OutcomeModel.verdict(distance < threshold ? agreeing : differing, [0, 1, 2]));
                vm.revertToStateAndDelete(snapshot);
            }
        }
    }
}
