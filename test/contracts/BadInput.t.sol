// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IncentivePool} from "../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../contracts/TaskConsensus.sol";
import {INodePools} from "../../contracts/interfaces/INodePools.sol";
import {INodeRegistry} from "../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../contracts/libraries/Errors.sol";
import {HostileTest} from "./base/HostileTest.sol";

/// @notice Every function that changes something, with everything it refuses: zero values, unknown ids, each state, other callers,
/// repeated calls, the largest sizes, lengths that do not fit. Each refusal is compared whole, facts and all, and must
/// leave all that can be read as it was. `badInput.test.ts` sees to it that no function is forgotten.
contract BadInputTaskStatesTest is HostileTest {
    bytes32 private constant UNKNOWN = keccak256("unknown");
    bytes32 private constant DIGEST = keccak256("result");

    /// @dev What each function does in each state, called by who may, with valid values:
    /// o accepted, U TaskUnknown, W WrongState, E DrawTooEarly, C CommitDeadlinePassed, R RevealsNotOpen,
    /// L RevealDeadlinePassed, D UploadDeadlinePassed, F FaultWindowClosed, N NothingToAdvance, S CanStart.
    struct Row {
        string name;
        string cells; // start, commit, reveal, reportUploaded, reportFault, advance, cancel
    }

    function test_EveryStateOfATask_EveryFunction() external {
        addNodes(3);
        Row[15] memory rows = [
            Row("unknown", "UUUUUUU"),
            Row("queued in this block", "EWWWWNo"),
            Row("queued", "oWWWWNS"),
            Row("started", "WoRWWNW"),
            Row("started, a commit", "WoRWWNW"),
            Row("started, late, a commit", "WCRWWoW"),
            Row("started, late, two commits", "WCoWWoW"),
            Row("revealing", "WWoWWNW"),
            Row("revealing, late", "WWLWWoW"),
            Row("awaiting upload", "WWWoWNW"),
            Row("awaiting upload, late", "WWWDWoW"),
            Row("completed", "WWWWoNW"),
            Row("completed, faults closed", "WWWWFNW"),
            Row("redelivery", "WWWoWNW"),
            Row("redelivery, late", "WWWDWoW")
        ];
        for (uint256 state = 0; state < rows.length; ++state) {
            uint256 snapshot = vm.snapshotState();
            _checkRow(rows[state], _bring(state));
            vm.revertToState(snapshot);
        }
        for (uint256 way = 0; way < 3; ++way) {
            uint256 snapshot = vm.snapshotState();
            bytes32 taskId = create(request());
            if (way == 0) {
                vm.prank(creator);
                consensus.cancel(taskId);
            } else {
                nextBlock();
                consensus.start(taskId);
                if (way == 1) play(taskId, silent(), silent(), silent());
                else play(taskId, failure(1), failure(1), failure(1));
            }
            _checkRow(Row("aborted", "WWWWWNW"), taskId);
            vm.revertToState(snapshot);
        }
    }

    /// @dev A task in the state of that row.
    function _bring(uint256 state) private returns (bytes32 taskId) {
        if (state == 0) return UNKNOWN;
        taskId = create(request());
        if (state == 1) return taskId;
        nextBlock();
        if (state == 2) return taskId;
        consensus.start(taskId);
        if (state == 3) return taskId;
        commit(taskId, 0, 0, A);
        if (state == 4) return taskId;
        if (state == 6) commit(taskId, 2, 0, A);
        if (state <= 6) {
            vm.warp(consensus.task(taskId).commitDeadline + 1);
            return taskId;
        }
        commit(taskId, 1, 0, A);
        commit(taskId, 2, 0, A);
        if (state == 7) return taskId;
        if (state == 8) {
            vm.warp(consensus.task(taskId).revealDeadline + 1);
            return taskId;
        }
        for (uint256 i = 0; i < 3; ++i) {
            reveal(taskId, i, 0, A);
        }
        if (state >= 11) upload(taskId, DIGEST);
        if (state >= 13) accuse(taskId, DIGEST);
        if (state == 10 || state == 12 || state == 14) vm.warp(consensus.task(taskId).uploadDeadline + 1);
    }

    function _checkRow(Row memory row, bytes32 taskId) private {
        if (taskId != UNKNOWN) watched.push(taskId);
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        address[3] memory wallets = drawn(taskId);
        uint256 deadline = task.state == ITaskConsensus.State.Queued ? task.drawBlock : 0;
        // Of these at most one is given.
        if (deadline == 0) deadline = task.commitDeadline + task.revealDeadline + task.uploadDeadline;
        ITaskConsensus.State state = task.state;
        // Two commits past the deadline: the view is ahead of what is stored, the deadline was an earlier one.
        bool ahead = bytes(row.cells)[1] == "C" && state == ITaskConsensus.State.Revealing;
        if (ahead) {
            state = ITaskConsensus.State.Started;
            deadline = block.timestamp - 1;
        }
        uint256 commits;
        for (uint256 i = 0; i < 3; ++i) {
            if (task.slots[i].committed) ++commits;
        }
        for (uint256 i = 0; i < 7; ++i) {
            (address caller, bytes memory data) = _validCall(i, taskId, wallets, task.uploader);
            string memory what = string.concat(row.name, ", function ", vm.toString(i));
            bytes1 cell = bytes(row.cells)[i];
            if (cell == "o") {
                uint256 snapshot = vm.snapshotState();
                accepted(caller, address(consensus), data, what);
                vm.revertToState(snapshot);
                continue;
            }
            bytes memory reason;
            if (cell == "U") reason = abi.encodeWithSelector(Errors.TaskConsensus_TaskUnknown.selector, taskId);
            if (cell == "S") reason = abi.encodeWithSelector(Errors.TaskConsensus_CanStart.selector, taskId);
            if (cell == "W") reason = wrongState(taskId, state);
            if (cell == "E") {
                reason = _late(Errors.TaskConsensus_DrawTooEarly.selector, taskId, deadline, block.number);
            }
            if (cell == "C") reason = _late(Errors.TaskConsensus_CommitDeadlinePassed.selector, taskId, deadline);
            if (cell == "R") {
                reason = abi.encodeWithSelector(Errors.TaskConsensus_RevealsNotOpen.selector, taskId, commits, deadline);
            }
            if (cell == "L") reason = _late(Errors.TaskConsensus_RevealDeadlinePassed.selector, taskId, deadline);
            if (cell == "D") reason = _late(Errors.TaskConsensus_UploadDeadlinePassed.selector, taskId, deadline);
            if (cell == "F") reason = _late(Errors.TaskConsensus_FaultWindowClosed.selector, taskId, deadline);
            if (cell == "N") {
                reason = abi.encodeWithSelector(Errors.TaskConsensus_NothingToAdvance.selector, taskId, state, deadline);
            }
            refused(caller, address(consensus), data, reason, what);
        }
    }

    function _late(bytes4 selector, bytes32 taskId, uint256 deadline) private view returns (bytes memory) {
        return _late(selector, taskId, deadline, block.timestamp);
    }

    function _late(bytes4 selector, bytes32 taskId, uint256 deadline, uint256 now_)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(selector, taskId, deadline, now_);
    }

    function _validCall(uint256 function_, bytes32 taskId, address[3] memory wallets, address uploader)
        private
        view
        returns (address caller, bytes memory data)
    {
        if (function_ == 0) return (STRANGER, abi.encodeCall(consensus.start, (taskId)));
        if (function_ == 1) {
            return (wallets[1], commitCall(taskId, 1, commitmentOf(taskId, wallets[1], 0, A)));
        }
        if (function_ == 2) return (wallets[0], revealCall(taskId, 0, 0, A, SALT));
        if (function_ == 3) {
            bytes memory signature = receipt(RELAY_KEY, taskId, DIGEST, 1, uploader);
            return (uploader, abi.encodeCall(consensus.reportUploaded, (taskId, DIGEST, 1, signature)));
        }
        if (function_ == 4) {
            bytes memory signature = fault(RELAY_KEY, taskId, DIGEST, uploader);
            return (STRANGER, abi.encodeCall(consensus.reportFault, (taskId, DIGEST, signature)));
        }
        if (function_ == 5) return (STRANGER, abi.encodeCall(consensus.advance, (taskId)));
        return (creator, abi.encodeCall(consensus.cancel, (taskId)));
    }
}

/// @notice NodeRegistry: a node's states × functions, and values.
contract BadInputNodesTest is HostileTest {
    bytes32 private constant DIGEST = keccak256("result");

    /// @dev Rows in the order of INodeRegistry.Status; then slashed, and slashed while another task holds it.
    /// o accepted, W WrongStatus, A AlreadyJoined, B StillUnbonding, H StillHeld.
    /// Columns: join, increaseStake, pause, resume, leave, withdrawStake, setEncryptionKey, setHardware, setBeneficiary,
    /// joinWithPermit, increaseStakeWithPermit.
    function test_EveryStatusOfANode_EveryFunction() external {
        string[9] memory rows = [
            "oWWWWWWWWoW",
            "AooWoWoooAo",
            "AooWoWWWoAo",
            "AoWooWoooAo",
            "AoWooWWWoAo",
            "AoWoWWWWoAo",
            "AWWWWBWWoAW",
            "oWWWWWWWWoW",
            "HWWWWWWWWHW"
        ];
        for (uint256 status = 0; status < rows.length; ++status) {
            uint256 snapshot = vm.snapshotState();
            address node = _bringNode(status);
            if (status < 7) vm.assertEq(uint256(statusOf(node)), status, "the table's row");
            fund(node, 2 * STAKE);
            for (uint256 i = 0; i < 11; ++i) {
                _checkNode(node, i, bytes(rows[status])[i], string.concat("status ", vm.toString(status)));
            }
            vm.revertToState(snapshot);
        }
    }

    function _checkNode(address node, uint256 function_, bytes1 cell, string memory what) private {
        bytes[11] memory calls = [
            abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 24, bytes32("key"), address(0))),
            abi.encodeCall(NodeRegistry.increaseStake, (1)),
            abi.encodeCall(NodeRegistry.pause, ()),
            abi.encodeCall(NodeRegistry.resume, ()),
            abi.encodeCall(NodeRegistry.leave, ()),
            abi.encodeCall(NodeRegistry.withdrawStake, ()),
            abi.encodeCall(NodeRegistry.setEncryptionKey, (bytes32("key"))),
            abi.encodeCall(NodeRegistry.setHardware, (GPU, 80)),
            abi.encodeCall(NodeRegistry.setBeneficiary, (address(7))),
            abi.encodeCall(NodeRegistry.joinWithPermit, (STAKE, GPU, 24, bytes32("key"), address(0), 0, 0, 0, 0)),
            abi.encodeCall(NodeRegistry.increaseStakeWithPermit, (1, 0, 0, 0, 0))
        ];
        what = string.concat(what, ", function ", vm.toString(function_));
        if (cell == "o") {
            uint256 snapshot = vm.snapshotState();
            accepted(node, address(registry), calls[function_], what);
            vm.revertToState(snapshot);
            return;
        }
        INodeRegistry.Status status = statusOf(node);
        bytes memory reason;
        if (cell == "W") reason = abi.encodeWithSelector(Errors.NodeRegistry_WrongStatus.selector, node, status);
        if (cell == "A") reason = abi.encodeWithSelector(Errors.NodeRegistry_AlreadyJoined.selector, node, status);
        if (cell == "H") reason = abi.encodeWithSelector(Errors.NodeRegistry_StillHeld.selector, node);
        if (cell == "B") {
            reason = abi.encodeWithSelector(
                Errors.NodeRegistry_StillUnbonding.selector, node, registry.node(node).unbondingEndsAt
            );
        }
        refused(node, address(registry), calls[function_], reason, what);
    }

    function _bringNode(uint256 status) private returns (address node) {
        if (status == 0) return STRANGER;
        addNodes(3);
        node = nodes[0];
        if (status == 1) return node;
        if (status == 3 || status == 6) {
            vm.prank(node);
            if (status == 3) registry.pause();
            else registry.leave();
            return node;
        }
        if (status == 7) {
            bytes32 taskId = started();
            Move[3] memory moves = [result(A), result(A), result(A)];
            moves[slotOf(taskId, node)] = result(B);
            play(taskId, moves, [0, 1, 2]);
            return node;
        }
        if (status == 8) {
            bytes32 first = agreed();
            node = consensus.task(first).uploader;
            upload(first, DIGEST);
            started();
            accuse(first, DIGEST);
            return node;
        }
        started();
        if (status == 2) return node;
        vm.prank(node);
        if (status == 4) registry.pause();
        else registry.leave();
    }

    /// @dev The last second of unbonding, and a second withdrawal.
    function test_WithdrawStake_NotASecondEarlyAndNotTwice() external {
        addNodes(1);
        vm.prank(nodes[0]);
        registry.leave();
        uint256 endsAt = block.timestamp + 1_800;
        vm.warp(endsAt - 1);
        bytes memory call = abi.encodeCall(NodeRegistry.withdrawStake, ());
        refused(
            nodes[0],
            address(registry),
            call,
            abi.encodeWithSelector(Errors.NodeRegistry_StillUnbonding.selector, nodes[0], endsAt),
            "a second early"
        );
        vm.warp(endsAt);
        accepted(nodes[0], address(registry), call, "in time");
        refused(
            nodes[0],
            address(registry),
            call,
            abi.encodeWithSelector(Errors.NodeRegistry_WrongStatus.selector, nodes[0], INodeRegistry.Status.None),
            "twice"
        );
    }

    function _joinRefused(
        uint256 stakeWei,
        bytes32 gpuModel,
        uint32 vramGb,
        bytes32 key,
        bytes memory reason,
        string memory what
    ) private {
        refused(
            STRANGER,
            address(registry),
            abi.encodeCall(NodeRegistry.join, (stakeWei, gpuModel, vramGb, key, address(0))),
            reason,
            what
        );
        refused(
            STRANGER,
            address(registry),
            abi.encodeCall(NodeRegistry.joinWithPermit, (stakeWei, gpuModel, vramGb, key, address(0), 0, 0, 0, 0)),
            reason,
            string.concat(what, ", with permit")
        );
    }

    function test_Join_Values() external {
        fund(STRANGER, 2 * STAKE);
        bytes4 low = Errors.NodeRegistry_StakeTooLow.selector;
        bytes4 high = Errors.NodeRegistry_StakeTooHigh.selector;
        bytes4 vram = Errors.NodeRegistry_VramOutOfRange.selector;
        uint256 most = type(uint96).max;
        _joinRefused(0, GPU, 24, "key", abi.encodeWithSelector(low, 0, STAKE), "no stake");
        _joinRefused(STAKE - 1, GPU, 24, "key", abi.encodeWithSelector(low, STAKE - 1, STAKE), "a wei short");
        _joinRefused(most + 1, GPU, 24, "key", abi.encodeWithSelector(high, most + 1), "too large");
        _joinRefused(type(uint256).max, GPU, 24, "key", abi.encodeWithSelector(high, type(uint256).max), "the largest");
        _joinRefused(
            STAKE, GPU, 24, 0, abi.encodeWithSelector(Errors.NodeRegistry_EncryptionKeyZero.selector), "no key"
        );
        _joinRefused(STAKE, 0, 24, "key", abi.encodeWithSelector(Errors.NodeRegistry_GpuModelZero.selector), "no model");
        _joinRefused(STAKE, GPU, 0, "key", abi.encodeWithSelector(vram, 0, 1, 65_535), "no VRAM");
        _joinRefused(STAKE, GPU, 65_536, "key", abi.encodeWithSelector(vram, 65_536, 1, 65_535), "too much VRAM");
        _joinRefused(
            STAKE,
            GPU,
            type(uint32).max,
            "key",
            abi.encodeWithSelector(vram, uint256(type(uint32).max), 1, 65_535),
            "most VRAM"
        );
        _joinRefused(
            3 * STAKE,
            GPU,
            24,
            "key",
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, STRANGER, 2 * STAKE, 3 * STAKE),
            "more than it has"
        );
        vm.prank(STRANGER);
        token.approve(address(registry), 1);
        _joinRefused(
            STAKE,
            GPU,
            24,
            "key",
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(registry), 1, STAKE),
            "more than it allows"
        );
        vm.prank(STRANGER);
        token.approve(address(registry), STAKE);
        accepted(
            STRANGER,
            address(registry),
            abi.encodeCall(NodeRegistry.join, (STAKE, GPU, 65_535, bytes32("key"), address(0))),
            "at the bounds"
        );
    }

    function test_IncreaseStake_Values() external {
        address node = addNode();
        bytes4 high = Errors.NodeRegistry_StakeTooHigh.selector;
        uint256 most = type(uint96).max - STAKE;
        uint256[3] memory amounts = [uint256(0), most + 1, 1 ether];
        bytes[3] memory reasons = [
            abi.encodeWithSelector(Errors.NodeRegistry_AmountZero.selector),
            abi.encodeWithSelector(high, uint256(type(uint96).max) + 1),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, node, 0, 1 ether)
        ];
        for (uint256 i = 0; i < amounts.length; ++i) {
            refused(
                node, address(registry), abi.encodeCall(NodeRegistry.increaseStake, (amounts[i])), reasons[i], "amount"
            );
            refused(
                node,
                address(registry),
                abi.encodeCall(NodeRegistry.increaseStakeWithPermit, (amounts[i], 0, 0, 0, 0)),
                reasons[i],
                "amount, with permit"
            );
        }
    }

    function test_HardwareAndKey_Values() external {
        address node = addNode();
        refused(
            node,
            address(registry),
            abi.encodeCall(NodeRegistry.setEncryptionKey, (0)),
            abi.encodeWithSelector(Errors.NodeRegistry_EncryptionKeyZero.selector),
            "no key"
        );
        refused(
            node,
            address(registry),
            abi.encodeCall(NodeRegistry.setHardware, (0, 24)),
            abi.encodeWithSelector(Errors.NodeRegistry_GpuModelZero.selector),
            "no model"
        );
        uint32[3] memory sizes = [uint32(0), 65_536, type(uint32).max];
        for (uint256 i = 0; i < sizes.length; ++i) {
            refused(
                node,
                address(registry),
                abi.encodeCall(NodeRegistry.setHardware, (GPU, sizes[i])),
                abi.encodeWithSelector(Errors.NodeRegistry_VramOutOfRange.selector, uint256(sizes[i]), 1, 65_535),
                "VRAM"
            );
        }
        bytes memory call = abi.encodeCall(NodeRegistry.setHardware, (GPU, 48));
        accepted(node, address(registry), call, "once");
        uint256 changeableAt = block.timestamp + 1_800;
        vm.warp(changeableAt - 1);
        refused(
            node,
            address(registry),
            call,
            abi.encodeWithSelector(Errors.NodeRegistry_HardwareChangedRecently.selector, node, changeableAt),
            "again"
        );
        vm.warp(changeableAt);
        accepted(node, address(registry), call, "later");
    }

    function test_Resume_NeedsStake() external {
        addNodes(3);
        consensus.setMinimumFee(3);
        for (uint256 i = 0; i < 15; ++i) {
            bytes32 taskId = started();
            play(taskId, silent(), silent(), silent());
            if (i == 14) break;
            for (uint256 k = 0; k < 3; ++k) {
                vm.prank(nodes[k]);
                registry.resume();
            }
        }
        uint256 stakeWei = registry.node(nodes[0]).stakeWei;
        vm.assertLe(stakeWei, 300 ether - 1, "below three quarters");
        refused(
            nodes[0],
            address(registry),
            abi.encodeCall(NodeRegistry.resume, ()),
            abi.encodeWithSelector(Errors.NodeRegistry_StakeTooLow.selector, stakeWei, 300 ether),
            "resume"
        );
        fund(nodes[0], 400 ether);
        vm.startPrank(nodes[0]);
        registry.increaseStake(300 ether - stakeWei);
        registry.resume();
        vm.stopPrank();
    }

    /// @dev Only TaskConsensus may.
    function test_ForTheConsensus_NobodyElse() external {
        addNodes(3);
        bytes[5] memory calls = _callsOfTheConsensus();
        address[5] memory callers = [STRANGER, address(this), nodes[0], address(incentivePool), address(registry)];
        for (uint256 i = 0; i < calls.length; ++i) {
            for (uint256 k = 0; k < callers.length; ++k) {
                refused(
                    callers[k],
                    address(registry),
                    calls[i],
                    abi.encodeWithSelector(Errors.NodeRegistry_NotConsensus.selector, callers[k]),
                    string.concat("call ", vm.toString(i))
                );
            }
        }
    }

    function _callsOfTheConsensus() private view returns (bytes[5] memory calls) {
        address[3] memory wallets = [nodes[0], nodes[1], nodes[2]];
        INodePools.Action[3] memory actions =
            [INodePools.Action.FreeAndSlash, INodePools.Action.Penalise, INodePools.Action.None];
        calls[0] = abi.encodeCall(
            INodePools.draw, (INodePools.Draw("seed", uint48(block.number), registry.layout(), false, 0, 0))
        );
        calls[1] = abi.encodeCall(INodePools.settle, (wallets, actions));
        calls[2] = abi.encodeCall(INodePools.settleOne, (nodes[0], INodePools.Action.FreeAndSlash));
        calls[3] = abi.encodeCall(INodePools.slashForBounty, (nodes[0], 1 ether));
        calls[4] = abi.encodeCall(INodePools.holdStake, (nodes[0], block.timestamp + 1 days));
    }
}

/// @notice TaskConsensus: values of the ledger and of requests.
contract BadInputRequestsTest is HostileTest {
    function test_Ledger_Values() external {
        fund(STRANGER, 10);
        bytes memory zero = abi.encodeWithSelector(Errors.TaskConsensus_AmountZero.selector);
        refused(STRANGER, address(consensus), abi.encodeCall(consensus.deposit, (0)), zero, "deposit 0");
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.depositWithPermit, (0, 0, 0, 0, 0)),
            zero,
            "depositWithPermit 0"
        );
        refused(STRANGER, address(consensus), abi.encodeCall(consensus.withdraw, (STRANGER, 0)), zero, "withdraw 0");
        bytes memory short = abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, STRANGER, 10, 11);
        refused(STRANGER, address(consensus), abi.encodeCall(consensus.deposit, (11)), short, "deposit too much");
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.depositWithPermit, (11, block.timestamp, 27, bytes32("r"), bytes32("s"))),
            short,
            "deposit too much, with a permit that is none"
        );
        accepted(STRANGER, address(consensus), abi.encodeCall(consensus.deposit, (10)), "all it has");
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.withdraw, (address(0), 1)),
            abi.encodeWithSelector(Errors.TaskConsensus_RecipientZero.selector),
            "to nobody"
        );
        uint256[2] memory amounts = [uint256(11), type(uint256).max];
        for (uint256 i = 0; i < 2; ++i) {
            refused(
                STRANGER,
                address(consensus),
                abi.encodeCall(consensus.withdraw, (STRANGER, amounts[i])),
                abi.encodeWithSelector(Errors.TaskConsensus_InsufficientBalance.selector, STRANGER, 10, amounts[i]),
                "withdraw too much"
            );
        }
        accepted(STRANGER, address(consensus), abi.encodeCall(consensus.withdraw, (STRANGER, 10)), "all");
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.withdraw, (STRANGER, 10)),
            abi.encodeWithSelector(Errors.TaskConsensus_InsufficientBalance.selector, STRANGER, 0, 10),
            "twice"
        );
    }

    /// @dev The largest deposit there can be does not overflow anything.
    function test_Ledger_AllTheMoneyThereIs() external {
        uint256 allWei = token.balanceOf(address(this));
        token.approve(address(consensus), allWei);
        consensus.deposit(allWei);
        vm.assertEq(consensus.balanceOf(address(this)), allWei);
        consensus.withdraw(address(this), allWei);
        vm.assertEq(token.balanceOf(address(this)), allWei);
    }

    function _createRefused(ITaskConsensus.TaskRequest memory request_, bytes memory reason, string memory what)
        private
    {
        refused(creator, address(consensus), abi.encodeCall(consensus.createTask, (request_)), reason, what);
    }

    function test_CreateTask_Values() external {
        ITaskConsensus.TaskRequest memory request_ = request();
        bytes4 images = Errors.TaskConsensus_ImageCountOutOfRange.selector;
        uint8[3] memory counts = [0, 11, 255];
        for (uint256 i = 0; i < 3; ++i) {
            request_.imageCount = counts[i];
            _createRefused(request_, abi.encodeWithSelector(images, uint256(counts[i]), 1, 10), "images");
        }
        request_ = textRequest();
        request_.imageCount = 1;
        _createRefused(request_, abi.encodeWithSelector(images, 1, 0, 0), "images of a text");

        request_ = request();
        uint32[2] memory sizes = [uint32(65_536), type(uint32).max];
        for (uint256 i = 0; i < 2; ++i) {
            request_.minVramGb = sizes[i];
            _createRefused(
                request_,
                abi.encodeWithSelector(Errors.TaskConsensus_VramOutOfRange.selector, uint256(sizes[i]), 65_535),
                "VRAM"
            );
        }

        request_ = request();
        uint32[4] memory timeouts = [0, 59, 7_201, type(uint32).max];
        for (uint256 i = 0; i < 4; ++i) {
            request_.executionTimeoutSeconds = timeouts[i];
            _createRefused(
                request_,
                abi.encodeWithSelector(
                    Errors.TaskConsensus_ExecutionTimeoutOutOfRange.selector, uint256(timeouts[i]), 60, 7_200
                ),
                "timeout"
            );
        }

        request_ = request();
        request_.argsHash = 0;
        _createRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_ArgsHashZero.selector), "no hash");

        request_ = request();
        uint256 most = type(uint96).max;
        uint256[4] memory fees = [uint256(0), 2, most + 1, type(uint256).max];
        for (uint256 i = 0; i < 4; ++i) {
            request_.feeWei = fees[i];
            _createRefused(
                request_, abi.encodeWithSelector(Errors.TaskConsensus_FeeOutOfRange.selector, fees[i], 3, most), "fee"
            );
        }
        uint256 snapshot = vm.snapshotState();
        request_.feeWei = 3;
        create(request_);
        vm.revertToState(snapshot);
        request_.feeWei = 1_000 ether + 1;
        _createRefused(
            request_,
            abi.encodeWithSelector(
                Errors.TaskConsensus_InsufficientBalance.selector, creator, 1_000 ether, 1_000 ether + 1
            ),
            "more than it has"
        );

        request_ = request();
        address[3] memory strangers = [address(0), STRANGER, creator];
        for (uint256 i = 0; i < 3; ++i) {
            request_.relay = strangers[i];
            _createRefused(
                request_, abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, strangers[i]), "relay"
            );
        }
        consensus.setRelay(STRANGER, "https://gone.example");
        consensus.removeRelay(STRANGER);
        request_.relay = STRANGER;
        _createRefused(
            request_, abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, STRANGER), "removed relay"
        );

        request_ = request();
        (request_.imageCount, request_.minVramGb, request_.executionTimeoutSeconds) = (10, 65_535, 7_200);
        request_.feeWei = 1_000 ether;
        bytes32 taskId = create(request_);
        watched.push(taskId);
        _createRefused(request_, abi.encodeWithSelector(Errors.TaskConsensus_TaskExists.selector, taskId), "twice");
    }

    /// @dev A kind that there is not does not even decode.
    function test_CreateTask_UnknownKind() external {
        bytes memory data = abi.encodeCall(consensus.createTask, (request()));
        data[4 + 63] = 0x02;
        vm.prank(creator);
        (bool done,) = address(consensus).call(data);
        vm.assertFalse(done);
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether);
    }

    function test_Start_TooFewNodes() external {
        addNodes(2);
        bytes32 taskId = create(request());
        watched.push(taskId);
        ITaskConsensus.TaskRequest memory request_ = textRequest();
        request_.gpuModel = "unheard of";
        bytes32 textTask = create(request_);
        watched.push(textTask);
        nextBlock();
        bytes4 few = Errors.NodeRegistry_TooFewNodes.selector;
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.start, (taskId)),
            abi.encodeWithSelector(few, 2),
            "two nodes"
        );
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.start, (textTask)),
            abi.encodeWithSelector(few, 0),
            "no node of that model"
        );
    }
}

/// @notice TaskConsensus: values and callers of the steps of a task.
contract BadInputTasksTest is HostileTest {
    bytes32 private constant DIGEST = keccak256("result");
    bytes private constant NONE = "";

    function test_Commit_Values() external {
        addNodes(3);
        bytes32 taskId = started();
        watched.push(taskId);
        address[3] memory wallets = drawn(taskId);
        refused(
            wallets[0],
            address(consensus),
            commitCall(taskId, 0, 0),
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentZero.selector, taskId),
            "zero"
        );
        address[3] memory strangers = [STRANGER, creator, address(this)];
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 slot = 0; slot < 3; ++slot) {
                refused(
                    strangers[i],
                    address(consensus),
                    commitCall(taskId, slot, "commitment"),
                    abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, strangers[i]),
                    "not drawn"
                );
            }
        }
        _wrongSlots(taskId, wallets);
        commit(taskId, 0, 0, A);
        refused(
            wallets[0],
            address(consensus),
            commitCall(taskId, 0, "another"),
            abi.encodeWithSelector(Errors.TaskConsensus_AlreadyCommitted.selector, taskId, wallets[0]),
            "twice"
        );
    }

    /// @dev A drawn node in the slot of another, and slots that there are not.
    function _wrongSlots(bytes32 taskId, address[3] memory wallets) private {
        uint256[5] memory slots = [uint256(1), 2, 3, 256, type(uint256).max];
        for (uint256 i = 0; i < slots.length; ++i) {
            refused(
                wallets[0],
                address(consensus),
                commitCall(taskId, slots[i], "commitment"),
                abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, wallets[0]),
                "wrong slot"
            );
        }
    }

    /// @dev One picture to ten, and text: all lengths around the right one, and those of a larger or smaller task.
    function test_Reveal_ScoresOfWrongLength() external {
        addNodes(3);
        uint8[5] memory counts = [0, 1, 4, 5, 10];
        for (uint256 i = 0; i < counts.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            ITaskConsensus.TaskRequest memory request_ = counts[i] == 0 ? textRequest() : request();
            request_.imageCount = counts[i];
            uint256 right = counts[i] == 0 ? 32 : 8 * uint256(counts[i]);
            bytes32 taskId = start(request_);
            watched.push(taskId);
            address node = drawn(taskId)[0];
            uint256[12] memory lengths = [uint256(0), 1, 7, 8, 9, 31, 32, 33, 79, 80, 81, 4_096];
            bytes memory score = new bytes(right);
            commit(taskId, 0, 0, score);
            commit(taskId, 1, 0, score);
            commit(taskId, 2, 1, "");
            for (uint256 k = 0; k < lengths.length; ++k) {
                if (lengths[k] == right) continue;
                refused(
                    node,
                    address(consensus),
                    revealCall(taskId, 0, 0, new bytes(lengths[k]), SALT),
                    abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, lengths[k], right),
                    "length"
                );
            }
            // An error has no score.
            refused(
                drawn(taskId)[2],
                address(consensus),
                revealCall(taskId, 2, 1, new bytes(right), SALT),
                abi.encodeWithSelector(Errors.TaskConsensus_ScoreLengthWrong.selector, right, 0),
                "score of an error"
            );
            reveal(taskId, 0, 0, score);
            vm.assertEq(consensus.task(taskId).slots[0].score, score);
            vm.revertToState(snapshot);
        }
    }

    function test_Reveal_Values() external {
        addNodes(3);
        bytes32 taskId = started();
        watched.push(taskId);
        address[3] memory wallets = drawn(taskId);
        commit(taskId, 0, 0, A);
        commit(taskId, 1, 2, "");
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        uint8[3] memory outcomes = [4, 5, 255];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                wallets[0],
                address(consensus),
                revealCall(taskId, 0, outcomes[i], "", SALT),
                abi.encodeWithSelector(Errors.TaskConsensus_OutcomeUnknown.selector, uint256(outcomes[i])),
                "outcome"
            );
        }
        bytes memory mismatch =
            abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, wallets[0]);
        refused(wallets[0], address(consensus), revealCall(taskId, 0, 0, B, SALT), mismatch, "another score");
        refused(wallets[0], address(consensus), revealCall(taskId, 0, 0, A, 0), mismatch, "another salt");
        refused(wallets[0], address(consensus), revealCall(taskId, 0, 1, "", SALT), mismatch, "another outcome");
        refused(
            wallets[2],
            address(consensus),
            revealCall(taskId, 2, 0, A, SALT),
            abi.encodeWithSelector(Errors.TaskConsensus_NotCommitted.selector, taskId, wallets[2]),
            "never committed"
        );
        _strangersReveal(taskId);
        reveal(taskId, 0, 0, A);
        refused(
            wallets[0],
            address(consensus),
            revealCall(taskId, 0, 0, A, SALT),
            abi.encodeWithSelector(Errors.TaskConsensus_AlreadyRevealed.selector, taskId, wallets[0]),
            "twice"
        );
    }

    /// @dev The promise says who is speaking: a stranger, or a drawn node in the slot of another, can keep none.
    function _strangersReveal(bytes32 taskId) private {
        address[3] memory callers = [STRANGER, creator, drawn(taskId)[1]];
        for (uint256 i = 0; i < callers.length; ++i) {
            refused(
                callers[i],
                address(consensus),
                revealCall(taskId, 0, 0, A, SALT),
                abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, callers[i]),
                "another's slot"
            );
        }
        refused(
            STRANGER,
            address(consensus),
            revealCall(taskId, 2, 0, A, SALT),
            abi.encodeWithSelector(Errors.TaskConsensus_NotCommitted.selector, taskId, STRANGER),
            "an empty slot"
        );
        uint256[3] memory slots = [uint256(3), 256, type(uint256).max];
        for (uint256 i = 0; i < slots.length; ++i) {
            refused(
                drawn(taskId)[0],
                address(consensus),
                revealCall(taskId, slots[i], 0, A, SALT),
                abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, drawn(taskId)[0]),
                "no such slot"
            );
        }
    }

    // ------------------------------------------------------------------ values: uploads, advance, cancel

    function test_ReportUploaded_Values() external {
        addNodes(3);
        bytes32 taskId = agreed();
        watched.push(taskId);
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        bytes memory genuine = receipt(RELAY_KEY, taskId, DIGEST, 1, task.uploader);
        refused(
            task.uploader,
            address(consensus),
            abi.encodeCall(consensus.reportUploaded, (taskId, 0, 1, receipt(RELAY_KEY, taskId, 0, 1, task.uploader))),
            abi.encodeWithSelector(Errors.TaskConsensus_ResultDigestZero.selector, taskId),
            "no digest"
        );
        bytes[3] memory signatures = [NONE, new bytes(65), new bytes(4_096)];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                task.uploader,
                address(consensus),
                abi.encodeCall(consensus.reportUploaded, (taskId, DIGEST, 1, signatures[i])),
                abi.encodeWithSelector(Errors.TaskConsensus_SignerWrong.selector, taskId, address(0), relay),
                "no signature"
            );
        }
        address[3] memory others = [STRANGER, creator, task.slots[1].node];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                others[i],
                address(consensus),
                abi.encodeCall(
                    consensus.reportUploaded, (taskId, DIGEST, 1, receipt(RELAY_KEY, taskId, DIGEST, 1, others[i]))
                ),
                abi.encodeWithSelector(Errors.TaskConsensus_NotUploader.selector, taskId, others[i]),
                "not the uploader"
            );
        }
        bytes memory call = abi.encodeCall(consensus.reportUploaded, (taskId, DIGEST, 1, genuine));
        accepted(task.uploader, address(consensus), call, "genuine");
        refused(task.uploader, address(consensus), call, wrongState(taskId, ITaskConsensus.State.Completed), "twice");
    }

    function test_ReportUploaded_TheLargestSize() external {
        addNodes(3);
        bytes32 taskId = agreed();
        address uploader = consensus.task(taskId).uploader;
        uint64 size = type(uint64).max;
        bytes memory signature = receipt(RELAY_KEY, taskId, DIGEST, size, uploader);
        vm.prank(uploader);
        consensus.reportUploaded(taskId, DIGEST, size, signature);
        assertState(taskId, ITaskConsensus.State.Completed, "completed");
    }

    function test_ReportFault_Values() external {
        addNodes(3);
        bytes32 taskId = agreed();
        watched.push(taskId);
        upload(taskId, DIGEST);
        bytes[3] memory signatures = [NONE, new bytes(65), new bytes(4_096)];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                STRANGER,
                address(consensus),
                abi.encodeCall(consensus.reportFault, (taskId, DIGEST, signatures[i])),
                abi.encodeWithSelector(Errors.TaskConsensus_SignerWrong.selector, taskId, address(0), relay),
                "no signature"
            );
        }
        consensus.removeRelay(relay);
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(
                consensus.reportFault,
                (taskId, DIGEST, fault(RELAY_KEY, taskId, DIGEST, consensus.task(taskId).uploader))
            ),
            abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay),
            "removed relay"
        );
    }

    function test_Cancel_Callers() external {
        bytes32 taskId = create(request());
        watched.push(taskId);
        bytes memory call = abi.encodeCall(consensus.cancel, (taskId));
        address[4] memory others = [STRANGER, address(this), relay, address(consensus)];
        for (uint256 i = 0; i < 4; ++i) {
            refused(
                others[i],
                address(consensus),
                call,
                abi.encodeWithSelector(Errors.TaskConsensus_NotCreator.selector, taskId, others[i]),
                "not the creator"
            );
        }
        accepted(creator, address(consensus), call, "creator");
        refused(creator, address(consensus), call, wrongState(taskId, ITaskConsensus.State.Aborted), "twice");
    }
}

/// @notice What only the owner may, the IncentivePool, the token, and reading what is not there.
contract BadInputOwnerTest is HostileTest {
    bytes32 private constant UNKNOWN = keccak256("unknown");
    bytes private constant NONE = "";

    struct Parameter {
        address target;
        bytes4 setter;
        bytes32 name;
        uint256 lower;
        uint256 upper;
    }

    function _parameters() private view returns (Parameter[8] memory parameters) {
        address c = address(consensus);
        address r = address(registry);
        parameters[0] = Parameter(r, registry.setMinimumStake.selector, "minimumStakeWei", 1 ether, 10_000_000 ether);
        parameters[1] = Parameter(r, registry.setUnbonding.selector, "unbondingSeconds", 30, 30 days);
        parameters[2] = Parameter(r, registry.setPenalty.selector, "penaltyBasisPoints", 0, 1_000);
        parameters[3] = Parameter(c, consensus.setRevealWindow.selector, "revealWindowSeconds", 10, 3_600);
        parameters[4] = Parameter(c, consensus.setUploadWindow.selector, "uploadWindowSeconds", 10, 3_600);
        parameters[5] = Parameter(c, consensus.setHammingThreshold.selector, "hammingThreshold", 1, 16);
        parameters[6] = Parameter(c, consensus.setErrorFee.selector, "errorFeeBasisPoints", 0, 5_000);
        parameters[7] = Parameter(c, consensus.setMinimumFee.selector, "minimumFeeWei", 3, 1_000 ether);
    }

    function test_Parameters_Values() external {
        Parameter[8] memory parameters = _parameters();
        for (uint256 i = 0; i < parameters.length; ++i) {
            Parameter memory p = parameters[i];
            uint256[4] memory values =
                [p.lower == 0 ? type(uint256).max : p.lower - 1, p.upper + 1, type(uint256).max, uint256(1) << 96];
            for (uint256 k = 0; k < 4; ++k) {
                refused(
                    address(this),
                    p.target,
                    abi.encodeWithSelector(p.setter, values[k]),
                    abi.encodeWithSelector(Errors.Parameter_OutOfBounds.selector, p.name, values[k], p.lower, p.upper),
                    string.concat("bounds of parameter ", vm.toString(i))
                );
            }
            refused(
                STRANGER,
                p.target,
                abi.encodeWithSelector(p.setter, p.upper),
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER),
                string.concat("owner of parameter ", vm.toString(i))
            );
            uint256 snapshot = vm.snapshotState();
            // Whatever the upload window may be then.
            if (i == 4) registry.setUnbonding(30 days);
            if (i == 1) consensus.setUploadWindow(10);
            accepted(address(this), p.target, abi.encodeWithSelector(p.setter, p.lower), "lower bound");
            accepted(address(this), p.target, abi.encodeWithSelector(p.setter, p.upper), "upper bound");
            vm.revertToState(snapshot);
        }
    }

    function test_ExecutionTimeouts_Values() external {
        bytes32 most = "maximumExecutionTimeoutSeconds";
        bytes32 least = "minimumExecutionTimeoutSeconds";
        bytes4 outOf = Errors.Parameter_OutOfBounds.selector;
        _timeoutsRefused(60, 4, abi.encodeWithSelector(outOf, most, 4, 5, 7_200));
        _timeoutsRefused(60, 7_201, abi.encodeWithSelector(outOf, most, 7_201, 5, 7_200));
        _timeoutsRefused(0, 0, abi.encodeWithSelector(outOf, most, 0, 5, 7_200));
        _timeoutsRefused(4, 100, abi.encodeWithSelector(outOf, least, 4, 5, 100));
        _timeoutsRefused(101, 100, abi.encodeWithSelector(outOf, least, 101, 5, 100));
        consensus.setExecutionTimeouts(5, 7_200);
        vm.assertEq(consensus.minimumExecutionTimeoutSeconds(), 5);
        vm.assertEq(consensus.maximumExecutionTimeoutSeconds(), 7_200);
        consensus.setExecutionTimeouts(100, 100);
        vm.assertEq(consensus.minimumExecutionTimeoutSeconds(), 100);
        vm.assertEq(consensus.maximumExecutionTimeoutSeconds(), 100);
    }

    function _timeoutsRefused(uint256 least, uint256 most, bytes memory reason) private {
        refused(
            address(this),
            address(consensus),
            abi.encodeCall(consensus.setExecutionTimeouts, (least, most)),
            reason,
            "timeouts"
        );
    }

    /// @dev Unbonding is never shorter than three upload windows, from whichever side.
    function test_UnbondingAndTheUploadWindow() external {
        bytes4 short = Errors.Parameter_UnbondingTooShort.selector;
        refused(
            address(this),
            address(registry),
            abi.encodeCall(NodeRegistry.setUnbonding, (1_799)),
            abi.encodeWithSelector(short, 1_799, 1_800),
            "unbonding"
        );
        refused(
            address(this),
            address(consensus),
            abi.encodeCall(consensus.setUploadWindow, (601)),
            abi.encodeWithSelector(short, 1_800, 1_803),
            "upload window"
        );
        accepted(address(this), address(registry), abi.encodeCall(NodeRegistry.setUnbonding, (1_803)), "raised");
        accepted(address(this), address(consensus), abi.encodeCall(consensus.setUploadWindow, (601)), "then this too");
    }

    function test_Relays_Values() external {
        refused(
            address(this),
            address(consensus),
            abi.encodeCall(consensus.setRelay, (address(0), "https://relay.example")),
            abi.encodeWithSelector(Errors.TaskConsensus_RelayZero.selector),
            "no signer"
        );
        uint256[3] memory lengths = [uint256(0), 256, 10_000];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                address(this),
                address(consensus),
                abi.encodeCall(consensus.setRelay, (STRANGER, string(new bytes(lengths[i])))),
                abi.encodeWithSelector(Errors.TaskConsensus_RelayUrlLengthWrong.selector, lengths[i], 1, 255),
                "length of the address"
            );
        }
        accepted(
            address(this),
            address(consensus),
            abi.encodeCall(consensus.setRelay, (STRANGER, string(new bytes(255)))),
            "longest"
        );
        consensus.removeRelay(STRANGER);
        address[3] memory unknown = [address(0), STRANGER, creator];
        for (uint256 i = 0; i < 3; ++i) {
            refused(
                address(this),
                address(consensus),
                abi.encodeCall(consensus.removeRelay, (unknown[i])),
                abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, unknown[i]),
                "not a relay"
            );
        }
    }

    function test_Owner_NobodyElse() external {
        address c = address(consensus);
        address r = address(registry);
        address p = address(incentivePool);
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        refused(STRANGER, c, abi.encodeCall(consensus.setRelay, (STRANGER, "x")), reason, "setRelay");
        refused(STRANGER, c, abi.encodeCall(consensus.removeRelay, (relay)), reason, "removeRelay");
        refused(STRANGER, c, abi.encodeCall(consensus.setExecutionTimeouts, (60, 60)), reason, "setExecutionTimeouts");
        refused(STRANGER, p, abi.encodeCall(IncentivePool.distribute, (STRANGER, 0)), reason, "distribute");
        address[3] memory owned = [c, r, p];
        for (uint256 i = 0; i < 3; ++i) {
            refused(STRANGER, owned[i], abi.encodeCall(Ownable2Step.transferOwnership, (STRANGER)), reason, "transfer");
            refused(STRANGER, owned[i], abi.encodeCall(Ownable2Step.acceptOwnership, ()), reason, "accept");
            refused(STRANGER, owned[i], abi.encodeCall(Ownable.renounceOwnership, ()), reason, "renounce");
            // Offered to one, it is still not another's to take.
            Ownable2Step(owned[i]).transferOwnership(creator);
            refused(STRANGER, owned[i], abi.encodeCall(Ownable2Step.acceptOwnership, ()), reason, "accept another's");
        }
    }

    function test_Distribute_Values() external {
        token.transfer(address(incentivePool), 5);
        refused(
            address(this),
            address(incentivePool),
            abi.encodeCall(IncentivePool.distribute, (address(0), 1)),
            abi.encodeWithSelector(Errors.IncentivePool_RecipientZero.selector),
            "to nobody"
        );
        uint256[2] memory amounts = [uint256(6), type(uint256).max];
        for (uint256 i = 0; i < 2; ++i) {
            refused(
                address(this),
                address(incentivePool),
                abi.encodeCall(IncentivePool.distribute, (STRANGER, amounts[i])),
                abi.encodeWithSelector(Errors.IncentivePool_InsufficientFunds.selector, 5, amounts[i]),
                "more than there is"
            );
        }
        accepted(address(this), address(incentivePool), abi.encodeCall(IncentivePool.distribute, (STRANGER, 5)), "all");
    }

    function test_Token_Values() external {
        address t = address(token);
        bytes4 receiver = IERC20Errors.ERC20InvalidReceiver.selector;
        refused(
            STRANGER,
            t,
            abi.encodeCall(token.transfer, (address(0), 0)),
            abi.encodeWithSelector(receiver, address(0)),
            "to nobody"
        );
        refused(
            STRANGER,
            t,
            abi.encodeCall(token.transfer, (creator, 1)),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, STRANGER, 0, 1),
            "more than it has"
        );
        refused(
            STRANGER,
            t,
            abi.encodeCall(token.transferFrom, (address(this), STRANGER, 1)),
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, STRANGER, 0, 1),
            "not allowed"
        );
        refused(
            STRANGER,
            t,
            abi.encodeCall(token.approve, (address(0), 1)),
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidSpender.selector, address(0)),
            "nobody may"
        );
        refused(
            STRANGER,
            t,
            abi.encodeCall(token.permit, (creator, STRANGER, 1, block.timestamp - 1, 27, 0, 0)),
            abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, block.timestamp - 1),
            "expired"
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, keccak256("something else"));
        vm.prank(STRANGER);
        (bool done,) = t.call(abi.encodeCall(token.permit, (creator, STRANGER, 1, block.timestamp, v, r, s)));
        vm.assertFalse(done, "signed by another");
        vm.assertEq(token.allowance(creator, STRANGER), 0);
    }

    function test_UnknownIds_ReadAsNothing() external view {
        ITaskConsensus.TaskView memory task = consensus.task(UNKNOWN);
        ITaskConsensus.TaskView memory empty;
        vm.assertEq(keccak256(abi.encode(task)), keccak256(abi.encode(empty)));
        INodeRegistry.NodeView memory node = registry.node(STRANGER);
        INodeRegistry.NodeView memory nobody;
        vm.assertEq(keccak256(abi.encode(node)), keccak256(abi.encode(nobody)));
        vm.assertEq(consensus.relayUrl(STRANGER), "");
        vm.assertEq(consensus.balanceOf(STRANGER), 0);
        vm.assertEq(registry.availableCount(true, 0, UNKNOWN), 0);
        vm.assertEq(registry.availableCount(false, type(uint32).max, 0), 0);
    }

    /// @dev Neither contract takes coins of the chain, nor calls to functions that it does not have.
    function test_NoSuchFunction() external {
        address[4] memory targets = [address(consensus), address(registry), address(incentivePool), address(token)];
        for (uint256 i = 0; i < 4; ++i) {
            refused(STRANGER, targets[i], hex"deadbeef", NONE, "unknown function");
            refused(STRANGER, targets[i], NONE, NONE, "no function");
            (bool done,) = targets[i].call{value: 1}("");
            vm.assertFalse(done, "coins");
        }
    }
}
