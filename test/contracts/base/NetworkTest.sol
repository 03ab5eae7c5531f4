// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../../contracts/CrynuxToken.sol";
import {IncentivePool} from "../../../contracts/IncentivePool.sol";
import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {OptimizedCode} from "./OptimizedCode.sol";

/// @dev A deployed network with the default parameters, one relay and one funded creator; and the moves of a task in a line
/// each. This contract is the owner.
abstract contract NetworkTest is OptimizedCode {
    uint256 internal constant RELAY_KEY = 0x5e1a7;
    uint256 internal constant STAKE = 400 ether;
    uint256 internal constant FEE = 30 ether + 1; // not divisible by 2 or 3
    uint32 internal constant TIMEOUT = 120;
    bytes32 internal constant GPU = keccak256("NVIDIA GeForce RTX 4090");
    bytes32 internal constant SALT = keccak256("salt");

    bytes internal A = hex"0123456789abcdef";
    bytes internal B = hex"fedcba9876543210";
    bytes internal C = hex"00ff00ff00ff00ff";

    CrynuxToken internal token;
    IncentivePool internal incentivePool;
    NodeRegistry internal registry;
    TaskConsensus internal consensus;
    address internal relay;
    address internal creator = address(0xC0FFEE);
    address[] internal nodes;
    uint256 internal taskCount;

    /// @dev What a node does in a task.
    struct Move {
        bool commits;
        bool reveals;
        uint8 outcome;
        bytes score;
    }

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1_000);
        token = newToken();
        incentivePool = newIncentivePool(token, address(this));
        address consensusAddress = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        registry = newRegistry(token, incentivePool, consensusAddress, address(this));
        consensus = newConsensus(token, registry, address(this));
        relay = vm.addr(RELAY_KEY);
        consensus.setRelay(relay, "https://relay.example");
        fund(creator, 1_000 ether);
        vm.prank(creator);
        consensus.deposit(1_000 ether);
    }

    // ---- nodes

    function fund(address account, uint256 amountWei) internal {
        token.transfer(account, amountWei);
        vm.startPrank(account);
        token.approve(address(registry), type(uint256).max);
        token.approve(address(consensus), type(uint256).max);
        vm.stopPrank();
    }

    function addNode() internal returns (address) {
        return addNode(GPU, 24);
    }

    function addNode(bytes32 gpuModel, uint32 vramGb) internal returns (address wallet) {
        wallet = address(uint160(0x10000 + nodes.length));
        nodes.push(wallet);
        fund(wallet, STAKE);
        vm.prank(wallet);
        registry.join(STAKE, gpuModel, vramGb, keccak256(abi.encode(wallet)), address(0));
    }

    function addNodes(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            addNode();
        }
    }

    function statusOf(address wallet) internal view returns (INodeRegistry.Status) {
        return registry.node(wallet).status;
    }

    function assertStatus(address wallet, INodeRegistry.Status status, string memory what) internal view {
        vm.assertEq(uint256(statusOf(wallet)), uint256(status), what);
    }

    // ---- tasks

    function request() internal view returns (ITaskConsensus.TaskRequest memory) {
        return ITaskConsensus.TaskRequest({
            taskKey: keccak256(abi.encode("task", taskCount)),
            kind: ITaskConsensus.Kind.Image,
            imageCount: 1,
            minVramGb: 0,
            gpuModel: 0,
            executionTimeoutSeconds: TIMEOUT,
            relay: relay,
            argsHash: keccak256("arguments"),
            feeWei: FEE
        });
    }

    function textRequest() internal view returns (ITaskConsensus.TaskRequest memory request_) {
        request_ = request();
        request_.kind = ITaskConsensus.Kind.Text;
        request_.imageCount = 0;
    }

    function create(ITaskConsensus.TaskRequest memory request_) internal returns (bytes32 taskId) {
        ++taskCount;
        vm.prank(creator);
        taskId = consensus.createTask(request_);
    }

    function nextBlock() internal {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + 1);
    }

    function start(ITaskConsensus.TaskRequest memory request_) internal returns (bytes32 taskId) {
        taskId = create(request_);
        nextBlock();
        consensus.start(taskId);
    }

    function started() internal returns (bytes32) {
        return start(request());
    }

    function drawn(bytes32 taskId) internal view returns (address[3] memory wallets) {
        ITaskConsensus.TaskView memory task = consensus.task(taskId);
        for (uint256 i = 0; i < 3; ++i) {
            wallets[i] = task.slots[i].node;
        }
    }

    function commitmentOf(bytes32 taskId, address node, uint8 outcome, bytes memory score)
        internal
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(consensus), taskId, node, outcome, keccak256(score), SALT));
    }

    function commit(bytes32 taskId, uint256 slot, uint8 outcome, bytes memory score) internal {
        address node = drawn(taskId)[slot];
        bytes32 commitment = commitmentOf(taskId, node, outcome, score);
        vm.prank(node);
        consensus.commit(taskId, slot, commitment);
    }

    function reveal(bytes32 taskId, uint256 slot, uint8 outcome, bytes memory score) internal {
        address node = drawn(taskId)[slot];
        vm.prank(node);
        consensus.reveal(taskId, slot, outcome, score, SALT);
    }

    function result(bytes memory score) internal pure returns (Move memory) {
        return Move({commits: true, reveals: true, outcome: 0, score: score});
    }

    function failure(uint8 outcome) internal pure returns (Move memory) {
        return Move({commits: true, reveals: true, outcome: outcome, score: ""});
    }

    function silent() internal pure returns (Move memory) {
        return Move({commits: false, reveals: false, outcome: 0, score: ""});
    }

    /// @dev Commits, then never reveals.
    function mute(bytes memory score) internal pure returns (Move memory) {
        return Move({commits: true, reveals: false, outcome: 0, score: score});
    }

    /// @dev Plays a started task until its verdict; `order` gives the order of commits (reveals come in reverse).
    function play(bytes32 taskId, Move[3] memory moves, uint8[3] memory order) internal {
        uint256 commits;
        uint256 reveals;
        for (uint256 i = 0; i < 3; ++i) {
            Move memory move = moves[order[i]];
            if (!move.commits) continue;
            commit(taskId, order[i], move.outcome, move.score);
            ++commits;
        }
        if (commits < 3) vm.warp(consensus.task(taskId).commitDeadline + 1);
        if (commits < 2) {
            consensus.advance(taskId);
            return;
        }
        for (uint256 i = 3; i > 0; --i) {
            Move memory move = moves[order[i - 1]];
            if (!move.commits || !move.reveals) continue;
            reveal(taskId, order[i - 1], move.outcome, move.score);
            ++reveals;
        }
        if (reveals < commits) {
            vm.warp(consensus.task(taskId).revealDeadline + 1);
            consensus.advance(taskId);
        }
    }

    function play(bytes32 taskId, Move memory a, Move memory b, Move memory c) internal {
        play(taskId, [a, b, c], [0, 1, 2]);
    }

    // ---- uploads

    function domainSeparator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Crynux"),
                keccak256("1"),
                block.chainid,
                address(consensus)
            )
        );
    }

    function signed(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash)));
        return abi.encodePacked(r, s, v);
    }

    function receipt(uint256 key, bytes32 taskId, bytes32 digest, uint64 size, address uploader)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash =
            keccak256("UploadReceipt(bytes32 taskId,bytes32 resultDigest,uint64 sizeBytes,address uploader)");
        return signed(key, keccak256(abi.encode(typeHash, taskId, digest, size, uploader)));
    }

    function fault(uint256 key, bytes32 taskId, bytes32 digest, address uploader) internal view returns (bytes memory) {
        bytes32 typeHash = keccak256("UploadFault(bytes32 taskId,bytes32 resultDigest,address uploader)");
        return signed(key, keccak256(abi.encode(typeHash, taskId, digest, uploader)));
    }

    function upload(bytes32 taskId, bytes32 digest) internal {
        address uploader = consensus.task(taskId).uploader;
        bytes memory signature = receipt(RELAY_KEY, taskId, digest, 1_000, uploader);
        vm.prank(uploader);
        consensus.reportUploaded(taskId, digest, 1_000, signature);
    }

    function accuse(bytes32 taskId, bytes32 digest) internal {
        consensus.reportFault(taskId, digest, fault(RELAY_KEY, taskId, digest, consensus.task(taskId).uploader));
    }

    // ---- what must always hold

    function assertState(bytes32 taskId, ITaskConsensus.State state, string memory what) internal view {
        vm.assertEq(uint256(consensus.task(taskId).state), uint256(state), what);
    }

    function assertAborted(bytes32 taskId, ITaskConsensus.AbortReason reason, string memory what) internal view {
        assertState(taskId, ITaskConsensus.State.Aborted, what);
        vm.assertEq(uint256(consensus.task(taskId).abortReason), uint256(reason), what);
    }

    /// @dev Everything in the consensus belongs to someone's ledger or to `escrowWei`; everything in the registry to a stake.
    function assertConserved(uint256 escrowWei, string memory what) internal view {
        uint256 ledger = consensus.balanceOf(creator);
        uint256 stakes;
        for (uint256 i = 0; i < nodes.length; ++i) {
            ledger += consensus.balanceOf(nodes[i]);
            stakes += registry.node(nodes[i]).stakeWei;
        }
        vm.assertEq(token.balanceOf(address(consensus)), ledger + escrowWei, string.concat(what, ": ledger"));
        vm.assertEq(token.balanceOf(address(registry)), stakes, string.concat(what, ": stakes"));
    }
}
