// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Payouts} from "./Payouts.sol";

/// @title Unidirectional payment channels in the native coin with one allocation per payee.
/// @notice A payer deposits once and sets aside ("allocates") parts of the deposit for many payees. The sum of all
/// allocations never exceeds the deposit, so nobody can promise one deposit to many. A payee claims what cumulative,
/// signed vouchers say, lane by lane, at most its allocation. See docs/MONEY.md.
///
/// What an allocation means:
/// - open channel: it is the payee's alone. The payer can raise it at once; to lower it the payer must begin a
///   reclaim, which ends after `closeDelay` seconds AND `CLOSE_BLOCKS` blocks; the payee may give it up at any time.
/// - reclaiming allocation, or closing channel: frozen. It can still be claimed in full, until the payer (after both
///   delays) finishes the reclaim or close; a payee that sees it begin stops serving and claims.
/// - closed channel: nothing can be claimed; what was not claimed is the payer's.
contract TallyChannel is Payouts, Multicall, ReentrancyGuard {
    struct Channel {
        address payer;
        uint64 closingSince;
        uint128 deposit;
        uint128 allocated;
        uint128 claimed;
        uint64 closingBlock;
        bool closed;
    }

    struct Allocation {
        uint128 amount;
        uint128 claimed;
        uint64 reclaimSince;
        uint64 reclaimBlock;
    }

    struct LaneVoucher {
        uint32 lane;
        uint128 cumulative;
        bytes32 tally;
        bytes signature;
    }

    /// An outage of the chain must not run a payee's clock out: besides the seconds, this many blocks must pass.
    uint256 public constant CLOSE_BLOCKS = 256;
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    bytes32 private constant VOUCHER_TYPE =
        keccak256("Voucher(bytes32 channel,address payee,uint32 lane,uint128 cumulative,bytes32 tally)");

    /// The hash of this chain's block 0; nodes check that it is true before they sign anything.
    bytes32 public immutable genesis;
    /// Seconds between the start and the end of a close or reclaim.
    uint64 public immutable closeDelay;

    mapping(bytes32 channel => Channel) public channels;
    mapping(bytes32 channel => mapping(address payee => Allocation)) public allocations;
    mapping(bytes32 channel => mapping(address payee => mapping(uint32 lane => uint128))) public laneClaimed;

    event Opened(bytes32 indexed channel, address indexed payer, bytes32 salt, uint128 deposit);
    event ToppedUp(bytes32 indexed channel, uint128 amount, uint128 deposit);
    event Allocated(bytes32 indexed channel, address indexed payee, uint128 amount);
    event ReclaimStarted(bytes32 indexed channel, address indexed payee);
    event Claimed(
        bytes32 indexed channel,
        address indexed payee,
        uint32 indexed lane,
        uint128 laneTotal,
        uint128 credited,
        bytes32 tally
    );
    event CloseStarted(bytes32 indexed channel, uint256 notBefore, uint256 notBeforeBlock);
    event Closed(bytes32 indexed channel, uint128 refund);

    error ChannelExists();
    error NoChannel();
    error NotPayer();
    error ChannelClosing();
    error ChannelClosed();
    error NotClosing();
    error TooEarly();
    error LengthMismatch();
    error WouldLower();
    error AboveDeposit();
    error WrongSigner();
    error LaneOrder();
    error AmountTooLarge();

    constructor(bytes32 genesis_, uint64 closeDelay_) {
        genesis = genesis_;
        closeDelay = closeDelay_;
    }

    /// The id of the channel that `payer` opens with `salt`.
    function channelId(address payer, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), payer, salt));
    }

    /// EIP-712 with all five members; computed on each call so that a fork with another chain id has another domain.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPE, keccak256("Tallyswarm"), keccak256("1"), block.chainid, address(this), genesis
            )
        );
    }

    /// Opens a channel with the sent coins as deposit and, in the same transaction, its first allocations.
    function open(bytes32 salt, address[] calldata payees, uint128[] calldata amounts)
        external
        payable
        returns (bytes32 channel)
    {
        channel = channelId(msg.sender, salt);
        Channel storage c = channels[channel];
        if (c.payer != address(0)) revert ChannelExists();
        c.payer = msg.sender;
        c.deposit = _amount(msg.value);
        emit Opened(channel, msg.sender, salt, c.deposit);
        _allocate(channel, c, payees, amounts);
    }

    /// Anyone may add to a deposit; it belongs to the payer from then on.
    function topUp(bytes32 channel) external payable {
        _topUp(channel, _live(channel));
    }

    /// Sets allocations to new totals, many at once; coins sent along are added to the deposit first. An amount below
    /// the present one reverts; an equal or higher one also ends a reclaim under way.
    function allocate(bytes32 channel, address[] calldata payees, uint128[] calldata amounts) external payable {
        Channel storage c = _livePayers(channel);
        if (msg.value > 0) _topUp(channel, c);
        _allocate(channel, c, payees, amounts);
    }

    /// The payee gives back what it has not claimed of its allocation.
    function release(bytes32 channel) external {
        Channel storage c = _live(channel);
        _free(channel, c, msg.sender);
    }

    /// The payer begins to take back what these payees have not claimed.
    function startReclaim(bytes32 channel, address[] calldata payees) external {
        _livePayers(channel);
        for (uint256 i = 0; i < payees.length; ++i) {
            Allocation storage a = allocations[channel][payees[i]];
            if (a.reclaimSince != 0) continue;
            a.reclaimSince = uint64(block.timestamp);
            a.reclaimBlock = uint64(block.number);
            emit ReclaimStarted(channel, payees[i]);
        }
    }

    /// Ends reclaims that have waited long enough; the coins can be allocated again.
    function finishReclaim(bytes32 channel, address[] calldata payees) external {
        Channel storage c = _livePayers(channel);
        for (uint256 i = 0; i < payees.length; ++i) {
            Allocation storage a = allocations[channel][payees[i]];
            if (a.reclaimSince == 0) revert NotClosing();
            _requireElapsed(a.reclaimSince, a.reclaimBlock);
            _free(channel, c, payees[i]);
        }
    }

    /// Credits the caller with what its vouchers add to earlier claims, lane by lane in ascending order. A voucher at
    /// or below what its lane has claimed adds nothing. What is above the allocation is not paid, and can be claimed
    /// later if the allocation is raised. Works until the channel is closed; then it credits nothing, without reverting,
    /// so that one closed channel does not spoil claims on others in the same multicall.
    function claim(bytes32 channel, LaneVoucher[] calldata vouchers) external nonReentrant returns (uint128 credited) {
        Channel storage c = channels[channel];
        if (c.payer == address(0)) revert NoChannel();
        if (c.closed) return 0;
        Allocation storage a = allocations[channel][msg.sender];
        bytes32 domain = domainSeparator();
        uint128 left = a.amount - a.claimed;
        for (uint256 i = 0; i < vouchers.length; ++i) {
            if (i > 0 && vouchers[i].lane <= vouchers[i - 1].lane) revert LaneOrder();
            _requireSigned(domain, channel, c.payer, vouchers[i]);
            uint128 paid = _claimLane(channel, vouchers[i], left - credited);
            credited += paid;
        }
        a.claimed += credited;
        c.claimed += credited;
        _credit(msg.sender, credited);
    }

    /// The payer begins to close: allocations are frozen, claims go on.
    function startClose(bytes32 channel) external {
        Channel storage c = _livePayers(channel);
        c.closingSince = uint64(block.timestamp);
        c.closingBlock = uint64(block.number);
        emit CloseStarted(channel, block.timestamp + closeDelay, block.number + CLOSE_BLOCKS);
    }

    /// Ends the channel and credits its payer with everything not claimed, once both delays have passed.
    function finishClose(bytes32 channel) external {
        Channel storage c = channels[channel];
        if (c.payer != msg.sender) revert NotPayer();
        if (c.closed) revert ChannelClosed();
        if (c.closingSince == 0) revert NotClosing();
        _requireElapsed(c.closingSince, c.closingBlock);
        c.closed = true;
        uint128 refund = c.deposit - c.claimed;
        emit Closed(channel, refund);
        _credit(msg.sender, refund);
    }

    function withdraw(address payable to) external nonReentrant {
        _withdraw(to);
    }

    function _live(bytes32 channel) private view returns (Channel storage c) {
        c = channels[channel];
        if (c.payer == address(0)) revert NoChannel();
        if (c.closingSince != 0) revert ChannelClosing();
    }

    function _livePayers(bytes32 channel) private view returns (Channel storage c) {
        c = _live(channel);
        if (c.payer != msg.sender) revert NotPayer();
    }

    function _topUp(bytes32 channel, Channel storage c) private {
        c.deposit += _amount(msg.value);
        emit ToppedUp(channel, _amount(msg.value), c.deposit);
    }

    function _allocate(bytes32 channel, Channel storage c, address[] calldata payees, uint128[] calldata amounts)
        private
    {
        if (payees.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < payees.length; ++i) {
            Allocation storage a = allocations[channel][payees[i]];
            if (amounts[i] < a.amount) revert WouldLower();
            c.allocated += amounts[i] - a.amount;
            a.amount = amounts[i];
            a.reclaimSince = 0;
            a.reclaimBlock = 0;
            emit Allocated(channel, payees[i], amounts[i]);
        }
        if (c.allocated > c.deposit) revert AboveDeposit();
    }

    function _free(bytes32 channel, Channel storage c, address payee) private {
        Allocation storage a = allocations[channel][payee];
        c.allocated -= a.amount - a.claimed;
        a.amount = a.claimed;
        a.reclaimSince = 0;
        a.reclaimBlock = 0;
        emit Allocated(channel, payee, a.amount);
    }

    function _claimLane(bytes32 channel, LaneVoucher calldata voucher, uint128 left) private returns (uint128 paid) {
        uint128 before = laneClaimed[channel][msg.sender][voucher.lane];
        if (voucher.cumulative <= before) return 0;
        paid = voucher.cumulative - before;
        if (paid > left) paid = left;
        if (paid == 0) return 0;
        laneClaimed[channel][msg.sender][voucher.lane] = before + paid;
        emit Claimed(channel, msg.sender, voucher.lane, before + paid, paid, voucher.tally);
    }

    /// ECDSA.recover refuses high s, v other than 27 and 28, and other lengths than 65.
    function _requireSigned(bytes32 domain, bytes32 channel, address payer, LaneVoucher calldata voucher) private view {
        bytes32 structHash = keccak256(
            abi.encode(VOUCHER_TYPE, channel, msg.sender, voucher.lane, voucher.cumulative, voucher.tally)
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, structHash));
        if (ECDSA.recover(digest, voucher.signature) != payer) revert WrongSigner();
    }

    function _requireElapsed(uint64 since, uint64 sinceBlock) private view {
        if (block.timestamp < since + closeDelay || block.number < sinceBlock + CLOSE_BLOCKS) revert TooEarly();
    }

    function _amount(uint256 value) private pure returns (uint128) {
        if (value > type(uint128).max) revert AmountTooLarge();
        return uint128(value);
    }
}
